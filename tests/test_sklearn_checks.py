"""Every public estimator passes scikit-learn's own checks, strictly.

`check_estimator` yields what scikit-learn asks of third parties; EXTRA are the checks
that it defines but runs only on itself.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import skmm
from skmm.diversity import (
    DiverseEnsembleClassifier,
    DiverseEnsembleRegressor,
    GreedyEnsembleClassifier,
    GreedyEnsembleRegressor,
)

CORE = {
    "BaseNNClassifier",
    "BaseNNRegressor",
    "ModalityTransformer",
    "MultimodalClassifier",
    "MultimodalRegressor",
}
ENSEMBLES = {
    "DiverseEnsembleClassifier",
    "DiverseEnsembleRegressor",
    "GreedyEnsembleClassifier",
    "GreedyEnsembleRegressor",
}

# One for each estimator at most, each with what was measured.
WEIGHTS = (
    "weighting rows equals repeating them only up to rounding and to the order of "
    "random numbers: the check asks for 1e-7 where float32 gives about 1e-6, and "
    "dropout and mini-batches draw once for each row"
)
EXPECTED_FAILURES = {
    name: {"check_sample_weight_equivalence_on_dense_data": WEIGHTS}
    for name in CORE - {"ModalityTransformer"}
}


def estimators():
    """Make each as it comes, but for two networks where it would train five."""
    classes = [getattr(skmm, name) for name in skmm.__all__]
    made = [c() for c in classes if hasattr(c, "fit")]
    for estimator in made:
        if "ensemble_size" in estimator.get_params():
            estimator.set_params(ensemble_size=2)
    trees = {"max_depth": 3, "random_state": 0}
    classifiers = [LogisticRegression(), DecisionTreeClassifier(**trees)]
    regressors = [Ridge(), DecisionTreeRegressor(**trees)]
    settings = {"cv": 3, "random_state": 0}
    vary = {"max_depth": [1, 3]}
    return [
        *made,
        DiverseEnsembleClassifier(DecisionTreeClassifier(), vary, **settings),
        DiverseEnsembleRegressor(DecisionTreeRegressor(), vary, **settings),
        GreedyEnsembleClassifier(list(zip("ab", classifiers, strict=True)), **settings),
        GreedyEnsembleRegressor(list(zip("ab", regressors, strict=True)), **settings),
    ]


def expected_failed_checks(estimator):
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


def test_the_checks_meet_every_public_estimator():
    assert {type(e).__name__ for e in estimators()} == CORE | ENSEMBLES
    assert all(len(reasons) <= 1 for reasons in EXPECTED_FAILURES.values())


@parametrize_with_checks(
    estimators(), expected_failed_checks=expected_failed_checks, xfail_strict=True
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


EXTRA = {
    "check_array_api_input_and_values": {"array_namespace": "numpy"},
    "check_dataframe_column_names_consistency": {},
    "check_get_feature_names_out_error": {},
    "check_global_output_transform_pandas": {},
    "check_global_set_output_transform_polars": {},
    "check_inplace_ensure_writeable": {},
    "check_param_validation": {},
    "check_set_output_transform": {},
    "check_set_output_transform_pandas": {},
    "check_set_output_transform_polars": {},
    "check_transformer_get_feature_names_out": {},
    "check_transformer_get_feature_names_out_pandas": {},
}


class Flat(skmm.ModalityTransformer):
    """Gives the flat array, which these checks compare with, and no ModalityFrame."""

    def transform(self, X):
        return np.asarray(super().transform(X))


def subjects():
    """Every estimator with every check, those of `transform` where there is one."""
    flat = {"ModalityTransformer": Flat()}
    made = [flat.get(type(e).__name__, e) for e in estimators()]
    of_transform = {check for check in EXTRA if "transform" in check or "_out" in check}
    return [
        pytest.param(e, check, id=f"{type(e).__name__}-{check}")
        for e in made
        for check in EXTRA
        if hasattr(e, "transform") or check not in of_transform
    ]


# The checks themselves fit on frames and transform arrays, and the other way round.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize(("estimator", "check"), subjects())
def test_scikit_learn_checks_that_run_on_itself_alone(estimator, check):
    run = getattr(estimator_checks, check)
    run(type(estimator).__name__, clone(estimator), **EXTRA[check])
