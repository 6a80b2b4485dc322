"""Archives: what is written is what is checked, whatever the arrays are."""

import io
import json
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest

import skmm
from skmm.exceptions import PersistenceError
from skmm.persistence._archive import FORMAT, check_archive, versions, write_archive


def schema(file=None):
    """The tree of an estimator that holds one array, or none."""
    top = {
        "__class__": "StandardScaler",
        "__module__": "sklearn.preprocessing._data",
        "__loader__": "ObjectNode",
        "protocol": 2,
    }
    if file:
        top["content"] = {
            "__class__": "ndarray",
            "__module__": "numpy",
            "__loader__": "NdArrayNode",
            "type": "numpy",
            "file": file,
        }
    return top


def written(tree, *members):
    file = io.BytesIO()
    write_archive(file, tree, members)
    return file


ARRAYS = {
    "floats": np.ones((3, 4)),
    "no rows": np.zeros((0, 4), "f4"),
    "one number": np.array(3.5),
    "columns first": np.asfortranarray(np.ones((3, 4))),
    "strings": np.array(["yes", "no"]),
    "empty strings": np.zeros(0, "U"),
    "dates": np.array(["2024-01-01"], "datetime64[D]"),
    "booleans": np.array([True]),
    "big endian": np.ones(3, ">i4"),
    "fields": np.zeros(2, [("a", "i4"), ("b", "f8")]),
    "many fields": np.zeros(1, [(f"field_number_{i}", "f8") for i in range(1000)]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_of_plain_values_passes(name):
    data = io.BytesIO()
    np.save(data, ARRAYS[name], allow_pickle=False)
    if name == "many fields":  # NumPy itself reads no header as long as this
        with pytest.raises(PersistenceError, match="Header info length"):
            check_archive(written(schema("0.npy"), ("0.npy", data.getvalue())), ())
        return
    about, contents = check_archive(
        written(schema("0.npy"), ("0.npy", data.getvalue())), ()
    )
    assert about["format"] == FORMAT
    assert contents.arrays == {"0.npy"}


def test_an_archive_tells_who_wrote_it():
    about, _ = check_archive(written(schema()), ())
    assert about == {
        "format": FORMAT,
        **versions(),
        "holds": "sklearn.preprocessing._data.StandardScaler",
    }
    assert about["skmm"] == skmm.__version__
    assert about["python"].startswith("3.")


def test_texts_are_compressed_and_arrays_are_not():
    data = io.BytesIO()
    np.save(data, np.zeros(10_000))
    with ZipFile(written(schema("0.npy"), ("0.npy", data.getvalue()))) as archive:
        info = archive.getinfo("0.npy")
        text = archive.getinfo("schema.json")
        assert archive.namelist() == ["skmm.json", "schema.json", "0.npy"]
    assert info.compress_type == ZIP_STORED
    assert text.compress_size < text.file_size


def test_equal_contents_give_equal_bytes():
    assert written(schema()).getvalue() == written(schema()).getvalue()


def test_bytes_are_members_too():
    tree = schema()
    tree["content"] = {
        "__class__": "bytes",
        "__module__": "builtins",
        "__loader__": "BytesNode",
        "file": "0.bin",
    }
    _, contents = check_archive(written(tree, ("0.bin", b"abc")), ())
    assert contents.blobs == {"0.bin"}


def test_another_zip_file_is_none_of_ours():
    file = io.BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema()))
    with pytest.raises(PersistenceError, match=r"no file of skmm\.save, which have a"):
        check_archive(file, ())


def test_a_file_is_checked_wherever_it_stands():
    file = written(schema())
    file.seek(0, 2)
    assert check_archive(file, ()).about["format"] == FORMAT
