"""Regular files below the root are opened, and nothing else in the world."""

import gc
import os
import socket
import warnings
from pathlib import Path

import pytest

from skmm.exceptions import ModalityError
from skmm.modalities import _sources
from skmm.modalities._sources import checked_root, is_remote, open_source, path_of

CONTENT = b"what a file holds"
has_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "root" / "a.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


class Changed:
    """The module os as `_sources` sees it, with some functions changed."""

    def __init__(self, **changed):
        vars(self).update(changed)

    def __getattr__(self, name):
        return getattr(os, name)


def change_os(monkeypatch, **changed):
    monkeypatch.setattr(_sources, "os", Changed(**changed))


def read(cell, max_bytes=100, root=None):
    with open_source(cell, max_bytes=max_bytes, root=root) as file:
        return file.read()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_a_file_that_lies_open(kind):
    assert read(kind(CONTENT)) == CONTENT


def test_paths_are_opened_whatever_their_type(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    for cell in (path, str(path), "a.bin", Path("a.bin")):
        assert read(cell) == CONTENT
    with os.scandir(os.fsencode(path.parent)) as entries:
        assert [read(entry) for entry in entries] == [CONTENT]


def test_bytes_win_over_the_path_of_a_dict(path):
    assert read({"bytes": b"bytes", "path": str(path)}) == b"bytes"
    assert read({"bytes": None, "path": str(path)}) == CONTENT
    assert read({"path": str(path)}) == CONTENT
    with pytest.raises(ModalityError, match="it is empty"):
        read({"bytes": b"", "path": str(path)})


@pytest.mark.parametrize(
    "cell",
    [3, None, [1, 2], {"array": [1], "path": "a"}, {"label": 3}],
)
def test_other_cells_are_given_back(cell):
    assert open_source(cell, max_bytes=1) is cell


def test_a_dict_within_a_dict_is_not_looked_into(path):
    inner = {"path": str(path)}
    assert open_source({"path": inner}, max_bytes=100) is inner
    assert open_source({"bytes": None, "path": None}, max_bytes=100) is None


def test_files_and_bytes_beyond_the_bound_are_refused_and_told_how_to_raise_it(path):
    for cell in (CONTENT, bytearray(CONTENT), path):
        assert read(cell, max_bytes=17) == CONTENT
        with pytest.raises(ModalityError, match=r"17 bytes .* the 16 .* max_bytes"):
            read(cell, max_bytes=16)
    wide = memoryview(bytes(16)).cast("I")  # four numbers
    with pytest.raises(ModalityError, match="16 bytes are more"):
        read(wide, max_bytes=15)


def test_empty_files_and_bytes_are_refused(path):
    path.write_bytes(b"")
    for cell in (b"", bytearray(), path):
        with pytest.raises(ModalityError, match="it is empty"):
            read(cell)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.png",
        "HTTPS://example.org/a.png",
        "s3://bucket/a.wav",
        "file:///etc/passwd",
        "gs+x.y-z://a",
        "data:image/png;base64,AAAA",
        r"\\host\share\a.png",
    ],
)
def test_addresses_are_refused_and_not_fetched(address, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("it was looked for")

    monkeypatch.setattr(socket, "socket", forbidden)
    change_os(monkeypatch, stat=forbidden, open=forbidden)
    for cell in (address, {"bytes": None, "path": address}):
        with pytest.raises(ModalityError, match=r"nothing is fetched.*download"):
            open_source(cell, max_bytes=100, root="/")


def test_two_slashes_name_another_machine_on_windows_alone(monkeypatch):
    paths = ["//host/a", r"/\host", r"\\?\UNC\host", "/a", "C://a", "a//b"]
    assert [is_remote(path) for path in paths] == [False] * 2 + [True] + [False] * 3
    change_os(monkeypatch, name="nt")
    assert [is_remote(path) for path in paths] == [True] * 3 + [False] * 3


def test_a_path_that_names_nothing_is_not_found(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with pytest.raises(ModalityError, match=r"no such file; .* start at '.*root'"):
        read("none.png")


@pytest.mark.parametrize(
    ("cell", "error", "said"),
    [
        ("a.bin/b", ModalityError, "cannot be opened"),
        ("x" * 5000, ModalityError, "cannot be opened"),
        ("a\0b", ValueError, "null"),
    ],
)
def test_paths_that_cannot_be_are_refused(path, monkeypatch, cell, error, said):
    monkeypatch.chdir(path.parent)
    with pytest.raises(error, match=said):
        read(cell)


def test_a_folder_is_refused(path):
    with pytest.raises(ModalityError, match="it is a folder, and only regular files"):
        read(path.parent)


@has_pipes
def test_pipes_sockets_and_devices_are_refused_unopened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's name must be short
    monkeypatch.setattr(_sources, "open", None, raising=False)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for cell, kind in (
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            (os.devnull, "a device"),
        ):
            with pytest.raises(ModalityError, match=f"it is {kind}, and only regular"):
                read(cell)


@has_pipes
def test_what_takes_the_place_of_a_file_before_it_is_opened_is_refused(
    path, monkeypatch
):
    writers, seen = [], []

    def stat_and_swap(asked):
        state = os.stat(asked)
        os.unlink(path)
        os.mkfifo(path)
        writers.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # or tests may wait
        return state

    def noted(asked, flags):
        seen.append(flags)
        return os.open(asked, flags)

    change_os(monkeypatch, stat=stat_and_swap, open=noted)
    with pytest.raises(ModalityError, match="it is a named pipe"):
        open_source(str(path), max_bytes=100)
    assert len(seen) == 1 and seen[0] & os.O_NONBLOCK
    os.close(writers[0])


def test_links_that_lead_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for root in (None, str(tmp_path)):
        with pytest.raises(ModalityError, match="cannot be opened"):
            read(str(tmp_path / "a"), root=root)


def test_a_root_is_found_whatever_its_type(path, monkeypatch):
    folder = os.path.realpath(path.parent)
    monkeypatch.chdir(path.parents[1])
    (path.parents[1] / "link").symlink_to("root")
    for root in (path.parent, str(path.parent), "root", "link", Path("root/../root")):
        assert checked_root(root) == folder
    assert checked_root(None) is None


def test_a_root_must_be_a_folder(path):
    with pytest.raises(ModalityError, match=r"root must be a folder .* is a file"):
        checked_root(path)
    with pytest.raises(ModalityError, match=r"'.*gone' is nothing there"):
        checked_root(path.parent / "gone")


def test_under_a_root_paths_start_there_and_stay_there(path):
    root, outside = checked_root(path.parent), path.parents[1] / "b.bin"
    outside.write_bytes(b"secret")
    (path.parent / "sub").mkdir()
    for inside in ("a.bin", "./a.bin", "sub/../a.bin", Path("a.bin"), path):
        assert read(inside, root=root) == CONTENT
        assert path_of(inside, root) == os.path.realpath(path)
    for leaving in ("../b.bin", "sub/../../b.bin", outside, "/", "..", "../root2/x"):
        with pytest.raises(ModalityError, match=r"leads out of the folder .*root"):
            read(leaving, root=root)


def test_a_folder_whose_name_begins_alike_is_outside(path):
    other = path.parents[1] / "root2"
    other.mkdir()
    (other / "a.bin").write_bytes(b"secret")
    with pytest.raises(ModalityError, match="leads out"):
        read(other / "a.bin", root=checked_root(path.parent))


def test_links_are_followed_within_the_root_alone(path):
    root = checked_root(path.parent)
    (path.parents[1] / "b.bin").write_bytes(b"secret")
    (path.parent / "within").symlink_to("a.bin")
    (path.parent / "without").symlink_to("../b.bin")
    (path.parent / "folder").symlink_to("..")
    assert read("within", root=root) == CONTENT
    for leaving in ("without", "folder/b.bin"):
        with pytest.raises(ModalityError, match="leads out"):
            read(leaving, root=root)
        assert read(path.parent / leaving) == b"secret"  # as long as no root is given


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="no such flag here")
def test_a_link_that_takes_the_place_of_a_file_is_not_followed(path, monkeypatch):
    secret = path.parents[1] / "b.bin"
    secret.write_bytes(b"secret")
    plain = os.stat

    def stat_and_swap(asked):
        state = plain(asked)
        if asked == os.path.realpath(path):
            os.unlink(path)
            path.symlink_to(secret)
        return state

    root = checked_root(path.parent)
    change_os(monkeypatch, stat=stat_and_swap)
    with pytest.raises(ModalityError, match="cannot be opened"):
        open_source("a.bin", max_bytes=100, root=root)


def test_a_file_that_grew_too_large_is_closed_again(path, monkeypatch):
    plain = os.stat

    def stat_and_grow(asked):
        state = plain(asked)
        path.write_bytes(2 * CONTENT)
        return state

    change_os(monkeypatch, stat=stat_and_grow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Python would say that a file is left open
        with pytest.raises(ModalityError, match="34 bytes"):
            open_source(str(path), max_bytes=20)
        gc.collect()
