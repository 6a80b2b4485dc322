"""Searches and predictions on a Dask cluster of real processes, some of them killed."""

import collections
import os
import pathlib
import signal
import sys
import uuid

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from skmm import (
    BaseNNClassifier,
    ModalityFrame,
    ModalitySpec,
    ModalityTransformer,
    MultimodalClassifier,
    MultimodalRegressor,
)
from skmm.datasets import make_multimodal_classification

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
frames = pytest.importorskip("dask.dataframe")

import cloudpickle  # noqa: E402

from skmm.dask import Client  # noqa: E402

FEW, LABELS = make_multimodal_classification(
    48, modalities=("tabular", "text", "image"), random_state=0, return_X_y=True
)
MANY = np.random.default_rng(0).normal(size=(300, 4)).astype("float32")
SIGNS = np.where(MANY[:, 0] > 0, "plus", "minus")
SETTINGS = {
    "dataframe.convert-string": False,  # or pictures would become strings
    "distributed.deploy.lost-worker-timeout": "1h",  # no worker is given up
    # It may take away what no task waits for at the moment, which is then sent again.
    "distributed.scheduler.active-memory-manager.start": False,
}
ONE = {"epochs": 2, "random_state": 0}
log_loss = get_scorer("neg_log_loss")  # shows a single bit of a probability


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of one thread, which are started anew when they die."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)  # workers cannot import it
    with (
        dask.config.set(SETTINGS),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
    cloudpickle.unregister_pickle_by_value(here)


@pytest.fixture
def client(cluster):
    """Wait for both workers: for one alone joblib runs everything in this process."""
    cluster.wait_for_workers(2, timeout=120)
    return cluster


def process_of(estimator, X, y):
    return os.getpid()


class KillsOnce:
    """A scorer, of which the first call kills the worker that it is in."""

    def __init__(self, folder):
        self.mark = folder / "killed"

    def __call__(self, estimator, X, y):
        distributed.get_worker()  # an error anywhere else
        try:
            self.mark.touch(exist_ok=False)
        except FileExistsError:
            return log_loss(estimator, X, y)
        os.kill(os.getpid(), signal.SIGKILL)


def note(folder):
    """Leave a note that this process has read something from a pickle."""
    (pathlib.Path(folder) / f"{os.getpid()}-{uuid.uuid4()}").touch()


def reads(folder):
    """How often each process has read it."""
    return collections.Counter(path.name.split("-")[0] for path in folder.iterdir())


def assert_same_scores(search, other):
    for name in ("split0_test_log_loss", "split1_test_log_loss"):
        assert_array_equal(search.cv_results_[name], other.cv_results_[name])


def test_a_search_of_a_pipeline_gives_the_bits_of_one_process(client):
    network = MultimodalClassifier(ensemble_size=1, **ONE)
    search = GridSearchCV(
        make_pipeline(ModalityTransformer(), network),
        {"multimodalclassifier__learning_rate": [0.002, 0.01]},
        cv=2,
        scoring={"log_loss": log_loss, "process": process_of},
        refit="log_loss",
        error_score="raise",
    )
    X = FEW.drop(columns="image")
    alone = clone(search).fit(X, LABELS)
    with joblib.parallel_config("dask"):
        search.fit(X, LABELS)
    assert_same_scores(search, alone)
    assert_array_equal(search.predict_proba(X), alone.predict_proba(X))
    used = {
        search.cv_results_[f"split{i}_test_process"][j] for i, j in np.ndindex(2, 2)
    }
    assert used <= set(client.run(os.getpid).values())
    batches = [n for n in client.cluster.scheduler.task_prefixes if "batch" in n]
    assert all("_fit_and_" in name for name in batches)  # no fit sends texts around


@pytest.mark.parametrize("connect", [Client, distributed.Client])
def test_cross_validation_gives_the_bits_of_one_process(client, connect):
    model, how = BaseNNClassifier(**ONE), {"cv": 3, "method": "predict_proba"}
    alone = cross_val_predict(model, MANY, SIGNS, **how)
    with (
        connect(client.cluster, set_as_default=False) as other,
        joblib.parallel_config("dask", client=other),
    ):
        together = cross_val_predict(model, MANY, SIGNS, **how)
    assert_array_equal(together, alone)


class NotedTable(pd.DataFrame):
    def __setstate__(self, state):
        note(state["attrs"]["folder"])
        super().__setstate__(state)


class NotedModalities(ModalityFrame):
    def __setstate__(self, state):
        note(state["folder"])
        self.__dict__.update(state)


class NotedNetworks(MultimodalClassifier):
    def __setstate__(self, state):
        note(state["folder"])
        super().__setstate__(state)


def noted_table(folder):
    table = NotedTable(MANY)
    table.attrs["folder"] = str(folder)
    return table


def noted_modalities(folder):
    spec = ModalitySpec("numbers", "vector", (4,), "float32", "mlp")
    modalities = NotedModalities({"numbers": MANY}, {"numbers": spec})
    modalities.folder = folder
    return modalities


@pytest.mark.parametrize("make", [noted_table, noted_modalities])
@pytest.mark.parametrize("connect", [Client, distributed.Client])
def test_data_are_sent_to_each_worker_once(client, tmp_path, make, connect):
    data = make(tmp_path)
    search = GridSearchCV(DummyClassifier(), {"constant": [*range(10)]}, refit=False)
    with (
        connect(client.cluster, set_as_default=False) as other,
        joblib.parallel_config("dask", client=other),
    ):
        search.fit(data, SIGNS)
    assert set(reads(tmp_path).values()) == {1}
    assert len(reads(tmp_path)) <= 3  # the workers, and this process


def test_polars_frames_are_sent_once_when_they_are_scattered(client, monkeypatch):
    polars = pytest.importorskip("polars")
    table, count = polars.DataFrame(MANY), []
    get_state = polars.DataFrame.__getstate__

    def counted(self):
        count.append(len(self))
        return get_state(self)

    monkeypatch.setattr(polars.DataFrame, "__getstate__", counted)
    search = GridSearchCV(DummyClassifier(), {"constant": [*range(10)]}, refit=False)
    with joblib.parallel_config("dask", scatter=[table, SIGNS]):
        search.fit(table, SIGNS)
    assert count == [len(table)]


@pytest.fixture(scope="module")
def fitted():
    """A classifier of numbers, text and pictures."""
    return MultimodalClassifier(ensemble_size=1, **ONE).fit(FEW, LABELS)


def in_parts(parts):
    return frames.from_map(lambda part: part, parts, meta=parts[0][:0])


@pytest.fixture(scope="module")
def partitions(cluster):
    """The rows in four partitions, of which the second is empty."""
    parts = [FEW[:16], FEW[:0], FEW[16:20], FEW[20:]]
    return in_parts(parts)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "transform"]
)
def test_partitions_are_predicted_where_they_are_when_dask_computes(
    client, fitted, partitions, method
):
    expected = getattr(fitted, method)(FEW)
    answer = getattr(fitted, method)(partitions)
    assert isinstance(answer, dask.array.Array)
    assert answer.dtype == expected.dtype
    assert answer.shape[1:] == expected.shape[1:]
    assert answer.numblocks[0] == 4
    # Of fewer rows a long sum may be cut elsewhere, and rounded in its last digit.
    assert_allclose(answer.compute(), expected, rtol=1e-5, atol=1e-6)
    part = answer.blocks[2].compute(scheduler="sync")
    assert_allclose(part, expected[16:20], rtol=1e-5, atol=1e-6)


def test_a_regressor_predicts_partitions_too(client, partitions):
    network = MultimodalRegressor(ensemble_size=1, **ONE)
    model = network.fit(FEW.drop(columns="image"), LABELS * 0.5)
    answer = model.predict(partitions.drop(columns="image"))
    assert answer.dtype == np.float64
    assert_array_equal(answer.compute(), model.predict(FEW.drop(columns="image")))


def test_partitions_are_scored_against_a_column(client, fitted, partitions):
    expected = fitted.score(FEW, LABELS)
    labelled = FEW.assign(label=LABELS)
    table = in_parts([labelled[:20], labelled[:0], labelled[20:]])
    assert fitted.score(table, "label") == pytest.approx(expected)


def test_an_estimator_goes_to_each_worker_once_and_small(
    client, fitted, partitions, tmp_path
):
    model = NotedNetworks(ensemble_size=1, **ONE)
    model.__dict__.update(vars(fitted), folder=tmp_path)
    weights = sum(w.nbytes for weights in model._weights for w in weights)
    assert len(cloudpickle.dumps(model)) < weights + 40_000
    model.predict(partitions).compute()
    assert set(reads(tmp_path).values()) == {1}
    assert len(reads(tmp_path)) <= 3  # the workers, and this process


def searched(scoring, **params):
    search = GridSearchCV(
        BaseNNClassifier(**ONE),
        {"learning_rate": [0.001, 0.003, 0.01]},
        cv=2,
        scoring=scoring,
        refit=next(iter(scoring)),
        error_score="raise",
    )
    return search.fit(MANY, SIGNS, **params)


def resumed(estimator, X, y):
    return estimator.fit_report_.get("epochs_resumed", 0)


@pytest.mark.parametrize("kept", [False, True])
def test_a_search_whose_worker_is_killed_ends_with_the_same_bits(
    client, tmp_path, kept
):
    alone = searched({"log_loss": log_loss})
    before = set(client.run(os.getpid).values())
    scoring = {"log_loss": KillsOnce(tmp_path), "resumed": resumed}
    folder = pathlib.Path(tmp_path / "fits") if kept else None
    with joblib.parallel_config("dask"):
        search = searched(scoring, checkpoint=folder)
    assert (tmp_path / "killed").exists()
    assert set(client.run(os.getpid).values()) != before
    assert_same_scores(search, alone)
    assert_array_equal(search.predict_proba(MANY), alone.predict_proba(MANY))
    n_resumed = search.cv_results_["mean_test_resumed"].sum()
    assert n_resumed > 0 if kept else n_resumed == 0


def total(data):
    return float(np.sum(data))


def test_data_outlive_all_workers(client):
    future, (first, second) = client.scatter(MANY), client.scatter([MANY, SIGNS])
    expected = client.submit(total, future).result()
    for process in client.run(os.getpid).values():
        os.kill(process, signal.SIGKILL)
    assert client.submit(total, first, pure=False).result() == expected == total(MANY)
    assert_array_equal(second.result(), SIGNS)
    assert client.scatter({"many": MANY})["many"].result().shape == MANY.shape
