"""Same parameters, same seed, same bits: in this process and in another."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

import skmm
from skmm import training
from skmm.datasets import make_multimodal_classification
from skmm.encoders.mlp import MLPEncoder
from skmm.fusion.gated import GatedFusion

BUNCH = make_multimodal_classification(60, informative=0.8, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    """A fitted model of three modalities."""
    model = skmm.MultimodalClassifier(epochs=2, random_state=0)
    return model.fit(BUNCH.data, BUNCH.target)


def estimators():
    triples = [("a", "tabular", "number_0"), ("b", "text", "text")]
    yield skmm.MultimodalClassifier(
        triples, encoders=[("a", MLPEncoder(units=8))], fusion=GatedFusion(), epochs=1
    )
    yield skmm.MultimodalRegressor(triples, fusion="late", aux_weight=0.1, epochs=1)
    yield skmm.ModalityTransformer(triples, on_error="missing", n_jobs=2)


@pytest.mark.parametrize("estimator", [*estimators()], ids=lambda e: type(e).__name__)
def test_a_clone_of_a_fitted_estimator_keeps_every_parameter(estimator):
    estimator.fit(BUNCH.data, BUNCH.target)
    copy = clone(estimator)
    for name, value in estimator.get_params(deep=True).items():
        assert repr(copy.get_params(deep=True)[name]) == repr(value), name


def test_the_same_seed_gives_the_same_bits_whatever_ran_before(fitted):
    expected = fitted.predict_proba(BUNCH.data)
    other = skmm.MultimodalClassifier(epochs=1, fusion="concat", random_state=5)
    other.fit(BUNCH.data, BUNCH.target)
    for forget in (False, True):
        if forget:
            training.clear_pool()
        again = clone(fitted).fit(BUNCH.data, BUNCH.target)
        np.testing.assert_array_equal(again.predict_proba(BUNCH.data), expected)


def test_another_seed_gives_other_bits(fitted):
    other = clone(fitted).set_params(random_state=1).fit(BUNCH.data, BUNCH.target)
    assert not np.allclose(
        other.predict_proba(BUNCH.data), fitted.predict_proba(BUNCH.data)
    )


def test_a_pickle_is_its_weights_and_little_more(fitted):
    weights = sum(w.nbytes for weights in fitted._weights for w in weights)
    assert len(pickle.dumps(fitted)) <= weights + 20_000


CHILD = """
import pickle, sys, numpy as np
model, X, expected = pickle.load(open(sys.argv[1], "rb"))
np.testing.assert_array_equal(model.predict_proba(X), expected)
print("same bits")
"""


def test_a_pickle_gives_the_same_bits_in_a_fresh_process(fitted, tmp_path):
    path = tmp_path / "model.pkl"
    X = BUNCH.data[:9]
    path.write_bytes(pickle.dumps((fitted, X, fitted.predict_proba(X))))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True
    )
    assert done.stdout == "same bits\n", done.stderr


def test_two_threads_give_the_bits_of_one_after_the_other():
    from concurrent.futures import ThreadPoolExecutor

    def fit(seed):
        model = skmm.MultimodalClassifier(epochs=1, random_state=seed)
        return model.fit(BUNCH.data, BUNCH.target).predict_proba(BUNCH.data)

    alone = [fit(0), fit(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(fit, [0, 1]))
    np.testing.assert_array_equal(alone, together)
