"""The log of a training run: one JSON object per line."""

import json
from pathlib import Path
from typing import Any

from helpers.files import write_whole


def append_log(folder: Path | str, line: dict[str, Any]) -> None:
    """Append one dictionary to the run's log, `log.jsonl`."""
    path = Path(folder) / "log.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def cut_log(folder: Path | str, step: int) -> None:
    """Drop the log's lines after `step`: a run that goes on from there writes them again."""
    path = Path(folder) / "log.jsonl"
    if not path.exists():
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    write_whole(path, "".join(kept))
