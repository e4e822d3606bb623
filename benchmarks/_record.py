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
