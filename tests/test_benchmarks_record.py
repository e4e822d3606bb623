"""What every benchmark writes down can be written down."""

import importlib
import pkgutil

import pytest

import benchmarks
from benchmarks import _record

NAMES = [each.name for each in pkgutil.iter_modules(benchmarks.__path__) if each.name[0] != "_"]


@pytest.mark.parametrize("name", NAMES)
def test_the_files_that_were_measured_are_there(name):
    """Otherwise it fails at its end, when everything has been measured."""
    assert _record.code_hash(importlib.import_module(f"benchmarks.{name}").CODE)
