"""Errors name their place and survive the way between processes."""

import pickle

import pytest

from skmm.exceptions import CellError, CellTypeError, ModalityError


@pytest.mark.parametrize("kind", [CellError, CellTypeError])
def test_an_error_of_a_cell_names_column_and_row(kind):
    error = kind("not an image", column="photo", row=7)
    assert str(error) == "column 'photo', row 7: not an image"
    assert isinstance(error, ModalityError)
    assert isinstance(error, ValueError)


def test_an_error_of_a_cell_comes_back_from_another_process():
    error = pickle.loads(pickle.dumps(CellTypeError("no", column=("a", 1), row=2)))
    assert type(error) is CellTypeError
    assert (error.column, error.row) == (("a", 1), 2)
    assert isinstance(error, TypeError)
