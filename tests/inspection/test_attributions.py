"""Values are summed by modality, column and word, and nothing is lost."""

import numpy as np
import pytest

from skmm import ModalityFrame, ModalitySpec
from skmm.inspection._attributions import Attributions
from skmm.inspection._subject import Reading

SPECS = {
    "t": ModalitySpec("t", "tabular", (3,), "float32", "mlp"),
    "n": ModalitySpec("n", "text", (4,), "int32", "embedding_bag", vocabulary_size=9),
    "i": ModalitySpec("i", "image", (2, 2, 1), "uint8", "cnn"),
}


def made(prediction=(2.0, 1.0), baseline=(0.0, 1.0)):
    arrays = {n: np.zeros((2, *s.shape), s.dtype) for n, s in SPECS.items()}
    # Words a b c: a, c and the pair a b are known.
    spans = np.array([[0, 1], [2, 3], [0, 2]])
    reading = Reading(
        ModalityFrame(arrays, SPECS),
        {},
        {"t": ["age", "ward", "ward"]},
        {"n": [(["a", "b", "c"], spans), ([], np.zeros((0, 2), int))]},
    )
    values = {
        "t": np.array([[0.5, -1.0, 0.5], [0, 0, 0]], np.float32),
        "n": np.array([[1.0, -0.5, 0.5, 0], [0, 0, 0, 0]], np.float32),
        "i": np.array([[0.25, 0.25, 0.5, 0], [0] * 4], np.float32),
    }
    values["i"] = values["i"].reshape(2, 2, 2, 1)
    return Attributions(
        values,
        np.array(prediction),
        np.array(baseline),
        np.array(["ill", "well"]),
        "occlusion",
        "logit of class {}",
        reading,
    )


def test_features_of_one_column_are_summed():
    table = made().by_column("t")
    assert list(table) == ["age", "ward"]
    np.testing.assert_array_equal(table, [[0.5, -0.5], [0, 0]])
    np.testing.assert_allclose(table.sum(axis=1), made().totals["t"])


def test_the_value_of_an_ngram_is_spread_evenly_over_its_words():
    words = made().by_word("n")
    assert words == [("a", 1.25), ("b", 0.25), ("c", -0.5)]
    assert sum(value for _, value in words) == made().totals["n"][0]
    assert made().by_word("n", 1) == []


def test_shares_are_of_the_sizes_of_values():
    shares = made().shares()
    np.testing.assert_allclose(shares.loc[0], np.array([2, 2, 1]) / 5)
    assert shares.loc[1].isna().all()


def test_the_completeness_error_is_by_hand():
    # Sums are 2 and 0.
    assert made().completeness_error == 0
    assert made(prediction=(3.0, 0.0)).completeness_error == pytest.approx(2 / 4)
    assert made(prediction=(0.0, 1.0)).completeness_error == np.inf


def test_the_target_is_named():
    assert made().title_of(1) == "logit of class well"
    assert made().names == ["t", "n", "i"] and made().frame.shape == (2, 3)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda a: a.by_column("i"), r"'i' \(image, shape \(2, 2, 1\)\) has no colu"),
        (lambda a: a.by_column("x"), "no modality 'x', only"),
        (lambda a: a.by_word("t"), "words of modality 't' are not known"),
        (lambda a: a.by_word("x"), "no modality 'x', only"),
    ],
)
def test_what_is_not_there_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(made())
