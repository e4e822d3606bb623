"""What every measurement writes down beside its figures: machine, command and hash of the code."""

import hashlib
import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent


def machine(libraries):
    """Describe this computer, and the versions of `libraries`, in a few words."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = re.findall(r"model name\s*: (.*)", cpuinfo.read_text("utf-8"))
        name = models[0] if models else name
    versions = [f"{library} {version(library)}" for library in libraries]
    return {
        "processor": f"{name}, {os.cpu_count()} cores",
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "software": ", ".join([f"Python {platform.python_version()}", *versions]),
    }


def code_hash(names):
    """Return the SHA-256 of the files that were measured, named from the project's root."""
    digest = hashlib.sha256()
    for name in names:
        digest.update((HERE.parent / name).read_bytes())
    return digest.hexdigest()


def write(name, command, code, libraries, figures):
    """Write `benchmarks/NAME.json` and return its path."""
    record = {
        "command": command,
        "machine": machine(libraries),
        "code": code,
        "code_sha256": code_hash(code),
        **figures,
    }
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return path


def target(what, measured, relation, limit):
    """Return a row of a record's `targets`: what, the measured number, its limit, whether it is met.

    `relation` is "at least" or "at most".
    """
    met = measured >= limit if relation == "at least" else measured <= limit
    return [what, measured, f"{relation} {limit:g}", met]


def target_table(rows):
    """Return the `targets` of a record as lines of a Markdown table."""
    lines = ["| target | measured | limit | met |", "|---|---|---|---|"]
    for what, measured, limit, met in rows:
        lines.append(f"| {what} | {measured:.2f} | {limit} | {'yes' if met else '**no**'} |")
    return lines


def made_by(name, record):
    """Return the first lines of a section: the command, the figures' file and the machine."""
    where = record["machine"]
    return [
        f"Made by `{record['command']}`; figures in [{name}.json]({name}.json).",
        f"Machine: {where['processor']}, {where['software']}; load average at the start "
        f"{where['load']}.",
    ]


def write_section(title, lines, readme=HERE / "README.md"):
    """Put the section `## title` into the README in place of the old one, or at its end."""
    text = readme.read_text("utf-8") if readme.is_file() else "# Benchmarks\n"
    before, _, after = f"{text.rstrip()}\n".partition(f"\n## {title}\n")
    _, heading, rest = after.partition("\n## ")
    section = "\n".join([f"## {title}", "", *lines]).rstrip() + "\n"
    readme.write_text(f"{before.rstrip()}\n\n{section}{heading}{rest}", "utf-8")
