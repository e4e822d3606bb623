"""Files and folders that are replaced whole: full disks, errors and killed processes."""

import errno
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers import files
from helpers.files import check_room, read_json, replacing, restore, sha256, write_whole

ROOT = Path(__file__).resolve().parent.parent


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def old_contents(path, folder):
    """Make a file, or a folder with a file, that says "old"; return its path."""
    if folder:
        path.mkdir()
        (path / "old").write_text("old")
    else:
        path.write_text("old")
    return path


@pytest.mark.parametrize("contents", ["two\nlines é\n", b"\x00\xff", ""])
def test_a_file_is_written_as_it_is(tmp_path, contents):
    path = tmp_path / "a.txt"
    for _ in range(2):
        write_whole(path, contents)
        expected = contents.encode() if isinstance(contents, str) else contents
        assert path.read_bytes() == expected
        assert names(tmp_path) == ["a.txt"]


def test_what_is_in_the_way_of_a_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    before = names(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(FileExistsError, match=name), replacing(tmp_path / name) as unfinished:
            unfinished.mkdir()
        assert names(tmp_path) == before
    assert (tmp_path / "file").read_text() == "old" and (tmp_path / "link").is_symlink()


def test_a_link_to_a_file_goes_on_pointing(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "file").read_text() == "new" and (tmp_path / "link").is_symlink()


def test_room_is_checked_and_nothing_left_behind(tmp_path):
    (tmp_path / "file").write_text("")
    check_room(tmp_path / "new" / "run")
    for folder, needed in ((tmp_path / "file" / "run", 0), (tmp_path / "new", 1 << 60)):
        with pytest.raises(OSError, match=str(folder)):
            check_room(folder, needed)
    assert names(tmp_path) == ["file"]


def test_the_file_keeps_its_ending_while_it_is_written(tmp_path):
    with replacing(tmp_path / "a.npy") as unfinished:
        assert unfinished.parent == tmp_path and unfinished.suffix == ".npy"
        unfinished.write_bytes(b"new")
        assert not (tmp_path / "a.npy").exists()
    assert (tmp_path / "a.npy").read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk is full"), KeyboardInterrupt()])
@pytest.mark.parametrize("folder", [False, True])
def test_an_error_leaves_the_old_contents_and_nothing_else(tmp_path, error, folder):
    path = old_contents(tmp_path / "kept", folder)
    with pytest.raises(type(error)):
        with replacing(path) as unfinished:
            if folder:
                unfinished.mkdir()
                unfinished = unfinished / "new"
            unfinished.write_text("half of the n")
            raise error
    assert names(tmp_path) == ["kept"]
    assert (path / "old" if folder else path).read_text() == "old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("folder", [False, True])
def test_a_disk_that_fails_at_the_end(tmp_path, monkeypatch, call, folder):
    path = old_contents(tmp_path / "kept", folder)

    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        with replacing(path) as unfinished:
            if folder:
                unfinished.mkdir()
            else:
                unfinished.write_text("new")
            monkeypatch.setattr(os, call, fail)
    assert names(tmp_path) == ["kept"]
    assert (path / "old" if folder else path).read_text() == "old"


def test_a_folder_replaces_a_folder(tmp_path):
    for number in range(2):
        with replacing(tmp_path / "model") as unfinished:
            unfinished.mkdir()
            (unfinished / f"part-{number}").write_text("numbers")
        assert names(tmp_path) == ["model"] and names(tmp_path / "model") == [f"part-{number}"]


KILLED = """
import os, sys
from helpers.files import replacing
real, kill_at = getattr(os, sys.argv[2]), sys.argv[2]
setattr(os, kill_at, lambda *arguments: os._exit(9))
with replacing(sys.argv[1]) as unfinished:
    if sys.argv[3] == "folder":
        unfinished.mkdir()
        (unfinished / "new").write_text("new")
    else:
        unfinished.write_text("new")
"""


def kill(path, call, kind):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), call, kind], cwd=ROOT, timeout=60
    )
    assert done.returncode == 9


def test_a_process_killed_before_the_rename(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    kill(path, "replace", "file")
    assert path.read_text() == "old" and len(names(tmp_path)) == 2
    write_whole(path, "newer")  # the leftover may belong to a process that is still writing
    assert path.read_text() == "newer" and len(names(tmp_path)) == 2
    monkeypatch.setattr(files, "LEFTOVER_SECONDS", -1)
    write_whole(path, "newest")
    assert path.read_text() == "newest" and names(tmp_path) == ["a.txt"]


def test_a_fresh_leftover_is_not_touched(tmp_path):
    (tmp_path / ".unfinished-1-a.txt").write_text("being written")
    old = tmp_path / ".unfinished-2-b.txt"
    old.write_text("given up")
    os.utime(old, (time.time() - 7200,) * 2)
    write_whole(tmp_path / "c.txt", "c")
    assert names(tmp_path) == [".unfinished-1-a.txt", "c.txt"]


def test_a_process_killed_between_the_two_renames_of_a_folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    kill(path, "replace", "folder")
    assert not path.exists()
    restore(path)
    assert names(path) == ["old"]
    restore(path)
    assert names(path) == ["old"]


def test_a_folder_that_is_missing_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "a.txt", "a")


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("contents", [b"{", b"\xff", b"[1]", b"3", b"[" * 100_000])
def test_json_that_is_no_object_names_the_file(tmp_path, contents):
    path = tmp_path / "a.json"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match="a.json"):
        read_json(path)


def test_json_of_an_object(tmp_path):
    write_whole(tmp_path / "a.json", '{"é": [1, 2.5]}\n')
    assert read_json(tmp_path / "a.json") == {"é": [1, 2.5]}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_a_device_or_a_pipe_is_not_replaced(tmp_path):
    """As root, a rename over /dev/null succeeds, and the system has lost its device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileExistsError, match="pipe"):
        write_whole(pipe, "text")
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
