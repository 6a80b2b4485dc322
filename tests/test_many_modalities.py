"""Inputs in Keras' style, and encoders that fit their modality."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skmm import MultimodalClassifier

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
TABLE = RNG.normal(size=(40, 3)) + Y[:, None]
SERIES = RNG.normal(size=(40, 6, 2)) + Y[:, None, None]


def model(**params):
    params = {"ensemble_size": 1, "epochs": 2, "random_state": 0, **params}
    return MultimodalClassifier(**params)


def test_a_dict_of_arrays():
    fitted = model().fit({"table": TABLE, "series": SERIES}, Y)
    assert {n: s.kind for n, s in fitted.transformer_.specs_.items()} == {
        "table": "vector",
        "series": "timeseries",
    }


def test_a_list_of_arrays_is_a_dict_without_names():
    listed = model().fit([TABLE, SERIES], Y).predict_proba([TABLE, SERIES])
    named = {"input_0": TABLE, "input_1": SERIES}
    assert_array_equal(model().fit(named, Y).predict_proba(named), listed)


def test_a_list_of_rows_is_one_table():
    rows = model().fit(TABLE.tolist(), Y)
    assert rows.n_features_in_ == 3
    assert list(rows.encoders_) == ["tabular"]


def test_the_transformer_learns_nothing_from_rows_set_apart():
    fitted = model(early_stopping=True)
    ((train, held_out),) = fitted._splits(Y, given=False, one_epoch=False, resume=False)
    words = np.where(np.isin(np.arange(40), held_out), "unseen", "seen")
    table = pd.DataFrame({"x": TABLE[:, 0], "word": words})
    table.loc[held_out, "x"] += 1e6
    fitted.fit(table, Y)
    alone = clone(fitted.transformer_).fit(table.iloc[train])
    assert_array_equal(
        fitted.transformer_.transform(table)["tabular"],
        alone.transform(table)["tabular"],
    )
    assert "val_loss" in fitted.history_


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"one row for each sample.*'b': 39"):
        model().fit({"a": TABLE, "b": SERIES[:39]}, Y)


def test_an_encoder_for_an_unknown_modality_is_refused():
    with pytest.raises(ValueError, match=r"names the modality 'note'.*'tabular'"):
        model(encoders=[("note", "rnn")]).fit(TABLE, Y)


def test_an_encoder_of_another_rank_is_refused():
    with pytest.raises(ValueError, match=r"modality 'tabular': CNNEncoder takes"):
        model(encoders=[("tabular", "cnn")]).fit(TABLE, Y)
