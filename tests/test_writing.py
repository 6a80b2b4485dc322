"""Files and folders are replaced whole, also if the process is killed meanwhile."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from skmm._writing import fill_folder, replace_file
from skmm.exceptions import PersistenceError

posix = pytest.mark.skipif(os.name != "posix", reason="signals and modes of POSIX")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_what_was_written(tmp_path):
    with replace_file(tmp_path / "a") as file:
        file.write(b"new")
        assert names(tmp_path) != ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_what_was_written_can_be_read_before_it_counts(tmp_path):
    with replace_file(tmp_path / "a") as file:
        file.write(b"new")
        file.seek(0)
        assert file.read() == b"new"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replace_file(tmp_path / "a") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_told_and_leaves_the_old_file(call, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    message = r"what was there is as before: .*No space left.*has room"
    with pytest.raises(PersistenceError, match=message):
        with replace_file(tmp_path / "a") as file:
            file.write(b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_missing_is_told(tmp_path):
    message = r"cannot be written.*Give a folder that exists"
    with pytest.raises(PersistenceError, match=message):
        with replace_file(tmp_path / "missing" / "a"):
            raise AssertionError("nothing can be written")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(PersistenceError, match="must be a file or not exist"):
        with replace_file(tmp_path):
            raise AssertionError("nothing can be written")


@posix
def test_a_named_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PersistenceError, match="it is no regular file"):
        with replace_file(tmp_path / "pipe"):
            raise AssertionError("nothing can be written")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@posix
def test_a_new_file_has_the_permissions_of_the_process(tmp_path):
    before = os.umask(0o027)
    try:
        with replace_file(tmp_path / "a") as file:
            file.write(b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


# Replaces a file in a process that kills itself at one call of the system.
KILLED = """
import os, signal, sys
from skmm._writing import replace_file
path, call, when = sys.argv[1:]
plain = getattr(os, call)
def last(*args):
    if when == "after":
        plain(*args)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, call, last)
with replace_file(path) as file:
    file.write(b"new" * 100_000)
"""
KILLS = {
    ("fsync", "before"): b"old",
    ("replace", "before"): b"old",
    ("replace", "after"): b"new" * 100_000,
}


@posix
@pytest.mark.parametrize(("call", "when"), KILLS)
def test_a_killed_process_leaves_the_old_file_or_the_new_one(call, when, tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "a", call, when])
    assert run.returncode == -signal.SIGKILL
    assert (tmp_path / "a").read_bytes() == KILLS[call, when]


def test_a_folder_appears_when_it_is_full(tmp_path):
    with fill_folder(tmp_path / "new") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "new").exists()
    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new" / "a").read_text() == "1"


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "new").mkdir()
    with fill_folder(tmp_path / "new") as folder:
        (folder / "a").write_text("1")
    assert names(tmp_path / "new") == ["a"]


@pytest.mark.parametrize(
    "make", [lambda p: p.touch(), lambda p: (p / "b").mkdir(parents=True)]
)
def test_what_is_there_is_not_overwritten(make, tmp_path):
    make(tmp_path / "new")
    with pytest.raises(PersistenceError, match="must not exist, or be an empty folder"):
        with fill_folder(tmp_path / "new"):
            raise AssertionError("nothing can be written")
    assert names(tmp_path) == ["new"]


def test_a_folder_that_fails_goes_away(tmp_path):
    with pytest.raises(ZeroDivisionError), fill_folder(tmp_path / "new") as folder:
        (folder / "a").write_text("1")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_folder_within_one_that_is_missing_is_told(tmp_path):
    with pytest.raises(PersistenceError, match=r"cannot be written"):
        with fill_folder(tmp_path / "missing" / "new"):
            raise AssertionError("nothing can be written")
