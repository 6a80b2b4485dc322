from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from skmm import datasets

LOADERS = [
    pytest.param(
        datasets.load_spoken_digits
        if name.startswith("load")
        else partial(getattr(datasets, name), 30, random_state=0),
        id=name,
    )
    for name in datasets.__all__
]


@pytest.fixture(params=LOADERS)
def load(request):
    return request.param


def test_a_bunch_holds_frame_data_and_target_that_agree(load):
    bunch = load()
    assert isinstance(bunch, Bunch)
    pd.testing.assert_frame_equal(bunch.frame[bunch.feature_names], bunch.data)
    pd.testing.assert_series_equal(bunch.frame[bunch.target.name], bunch.target)
    assert bunch.frame.shape[1] == len(bunch.feature_names) + 1
    assert bunch.DESCR


def test_modalities_name_every_column_once_in_order(load):
    bunch = load()
    columns = []
    for name, kind, own in bunch.modalities:
        assert name == kind
        columns += [own] if isinstance(own, str) else own
    assert columns == bunch.feature_names


def test_as_frame_false_gives_an_object_array_with_the_same_cells(load):
    bunch, framed = load(as_frame=False), load()
    assert bunch.frame is None
    assert type(bunch.data) is np.ndarray
    assert bunch.data.dtype == object
    assert bunch.data.shape == framed.data.shape
    assert type(bunch.target) is np.ndarray
    np.testing.assert_array_equal(bunch.target, framed.target.to_numpy())
    for j, name in enumerate(bunch.feature_names):
        np.testing.assert_equal(bunch.data[3, j], framed.data[name][3])


@pytest.mark.parametrize("as_frame", [True, False])
def test_data_and_target_can_be_had_as_a_pair(load, as_frame):
    bunch = load(as_frame=as_frame)
    X, y = load(return_X_y=True, as_frame=as_frame)
    assert type(X) is type(bunch.data)
    assert X.shape == bunch.data.shape
    np.testing.assert_array_equal(np.asarray(y), np.asarray(bunch.target))
