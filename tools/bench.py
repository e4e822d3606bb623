"""`course.py bench`: makes the four measurements of speed and prints one table of their targets.

python3 course.py bench           steps, time to loss, generation, growth: about half an hour
python3 course.py bench --list    every measurement in benchmarks/, in a line each
python3 course.py bench NAME      one of them
"""

import ast
import json
import subprocess
import sys

from helpers.files import check_room
from tools.lectures import ROOT
from tools.terminal import STOPPED, run_command, wait_for

SPEED = ("steps", "time_to_loss", "generation", "growth")


def names(folder=ROOT / "benchmarks"):
    """All measurements and the first line of what they say about themselves."""
    found = {}
    for path in sorted(folder.glob("[a-z]*.py")):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        found[path.stem] = text.partition("\n")[0]
    return found


def run(name, arguments=()):
    """Make one measurement in a process of its own; return its exit status."""
    check_room(ROOT / "benchmarks")  # its figures are written after the minutes of measuring
    command = [sys.executable, "-m", "tools.terminal", f"benchmarks.{name}", *arguments]
    status = wait_for(subprocess.Popen(command, cwd=ROOT))
    if status == STOPPED:
        raise KeyboardInterrupt  # the next one need not begin
    return status


def measure_speed(wanted=SPEED, folder=ROOT / "benchmarks"):
    """Make all these measurements, print their targets; 0 where every target is met."""
    records = {}
    for name in wanted:
        print(f"\n{name}", flush=True)
        path = folder / f"{name}.json"
        before = path.stat().st_mtime_ns if path.exists() else None
        run(name)
        written = path.exists() and path.stat().st_mtime_ns != before
        records[name] = json.loads(path.read_text("utf-8")) if written else None
    print("\n" + "\n".join(table(records)))
    rows = [row for record in records.values() for row in (record or {}).get("targets", [])]
    return 0 if all(records.values()) and all(met for *_, met in rows) else 1


def table(records):
    """The machine, and one row a target; a measurement without a new record says so."""
    machines = {record["machine"]["processor"] for record in records.values() if record}
    rows = [("measurement", "target", "measured", "limit", "met")]
    for name, record in records.items():
        if record is None:
            rows.append((name, "it wrote no figures: see its message above", "", "", "no"))
            continue
        for what, measured, limit, met in record["targets"]:
            shown = f"{measured:,.2f}" if isinstance(measured, float) else str(measured)
            rows.append((name, what, shown, str(limit), "yes" if met else "no"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"Machine: {'; '.join(sorted(machines)) or 'unknown'}"]
    return lines + [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def main(arguments):
    """Run the command; return its exit status."""
    known = names()
    if not arguments:
        return measure_speed()
    name, *rest = arguments
    if name == "--list":
        print("\n".join(f"{name:<24} {text}" for name, text in known.items()))
        return 0
    if name in ("-h", "--help"):
        print(__doc__)
        return 0
    if name not in known:
        print(f"There is no measurement {name!r}. There are: {', '.join(known)}.", file=sys.stderr)
        return 1
    return run(name, rest)


if __name__ == "__main__":
    sys.exit(run_command(main))
