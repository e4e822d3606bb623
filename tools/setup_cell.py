# Set-up: finds the course's `helpers`. Nothing to do at home; Colab fetches what is missing.
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

REPOSITORY = ""
if find_spec("helpers") is None:
    course = Path("..").resolve()
    if not (course / "helpers").is_dir():
        course = Path("course").resolve()
        if Path("course.zip").exists():
            subprocess.run([sys.executable, "-m", "zipfile", "-e", "course.zip", course])
        elif REPOSITORY and not course.exists():
            subprocess.run(["git", "clone", "-q", "--depth=1", REPOSITORY, course])
        if not (course / "helpers").is_dir():
            raise SystemExit("Upload course.zip beside this notebook and run this cell again.")
    sys.path.insert(0, str(course))
    for name in filter(lambda name: not find_spec(name), ("tiktoken", "pooch", "safetensors")):
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", name])
