"""The section of benchmarks/README.md that `bench family` writes."""


def section(record):
    raise NotImplementedError
