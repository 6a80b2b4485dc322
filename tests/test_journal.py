"""What makes two fits the same one, and where they are written down."""

import os
import pathlib
import re
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skmm import BaseNNClassifier, MultimodalClassifier
from skmm._journal import Journal, _network, described
from skmm.encoders.mlp import MLPEncoder
from skmm.exceptions import CheckpointError

X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2


def build(n_outputs, units=4):
    hidden = keras.layers.Dense(units, activation="relu")
    return keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(n_outputs)])


def made(units):
    def inner(n_outputs):
        return build(n_outputs, units)

    return inner


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (0.1, np.float64(0.1), 0.2),
        ("a", "a", "b"),
        (None, None, "auto"),
        (True, True, False),
        ([1, (2, "b")], [1, (2, "b")], [1, (3, "b")]),
        ({"a": 1}, {"a": 1}, {"a": 2}),
        (np.arange(3), np.arange(3), np.arange(3) + 1),
        (np.zeros(3), np.zeros(3), np.zeros((3, 1))),
        (pathlib.Path("a"), pathlib.Path("a"), pathlib.Path("b")),
        (MLPEncoder(units=8), MLPEncoder(units=8), MLPEncoder(units=9)),
        (StandardScaler(), StandardScaler(), StandardScaler(with_mean=False)),
        (
            keras.losses.Huber(delta=0.5),
            keras.losses.Huber(delta=0.5, name="h"),
            keras.losses.Huber(),
        ),
        (keras.optimizers.SGD(0.5), keras.optimizers.SGD(0.5), keras.optimizers.SGD()),
        (build, build, made),
        (made(3), made(3), made(4)),
        (partial(build, units=3), partial(build, units=3), partial(build, units=4)),
        (keras.optimizers.SGD, keras.optimizers.SGD, keras.optimizers.Adam),
        (len, len, max),
    ],
)
def test_values_are_alike_by_what_they_hold(one, same, other):
    assert described(one) == described(same) != described(other)


def test_no_place_in_memory_is_part_of_a_description():
    values = [build, made(3), MLPEncoder(), keras.optimizers.SGD(), object(), len]
    assert not re.search("0x[0-9a-f]{6}", described(values))


def test_settings_that_change_nothing_do_not_count():
    def of(**settings):
        class Reader(StandardScaler):
            def __init__(self, n_jobs=None, memory=None, kept=1):
                self.n_jobs, self.memory, self.kept = n_jobs, memory, kept

        return described(Reader(**settings))

    assert of() == of(n_jobs=2, memory="folder") != of(kept=2)


def names():
    """Name the network of an estimator of each kind."""
    found = []
    for model in (BaseNNClassifier(build), MultimodalClassifier()):
        model.set_params(epochs=1, random_state=0).fit(X, Y)
        program = model._make_program(model.__dict__)
        program.initialise(1)
        found.append(_network(program))
    return found


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from test_journal import names
print(*names())
"""


def test_a_network_is_the_same_one_in_another_process():
    command = [sys.executable, "-c", CHILD, os.path.dirname(__file__)]
    other = subprocess.run(command, capture_output=True, text=True)
    assert other.stdout.split() == names(), other.stderr


def test_a_network_is_another_by_its_layers_its_weights_or_its_optimizer():
    def network(activation="relu", seed=1, units=4, **settings):
        def build(n_outputs):
            hidden = keras.layers.Dense(units, activation=activation)
            return keras.Sequential(
                [keras.Input((3,)), hidden, keras.layers.Dense(n_outputs)]
            )

        settings = {"epochs": 1, "random_state": seed, **settings}
        model = BaseNNClassifier(build, **settings).fit(X, Y)
        program = model._make_program(model.__dict__)
        return _network(program)

    assert network() == network(learning_rate=0.1)  # the recipe's
    others = [
        network(activation="tanh"),
        network(seed=2),
        network(units=5),
        network(optimizer="sgd"),
        network(loss="binary_crossentropy"),
    ]
    assert len({network(), *others}) == 1 + len(others)


def test_without_a_folder_nothing_is_written():
    journal = Journal()
    assert journal.seed(lambda: 1) is None
    journal.identify(None, {}, [])
    assert journal.next(None) is None
    assert journal.epochs_resumed == 0


def test_the_seed_of_a_folder_is_drawn_once(tmp_path):
    assert Journal(tmp_path).seed(lambda: 7) == 7
    assert Journal(str(tmp_path)).seed(lambda: 8) == 7
    assert [p.name for p in tmp_path.iterdir()] == ["seed.txt"]


def test_of_two_processes_the_first_ones_seed_counts(tmp_path):
    journal = Journal(tmp_path)

    def draw():  # while another process does the same
        assert Journal(tmp_path).seed(lambda: 5) == 5
        return 6

    assert journal.seed(draw) == 5


def test_a_seed_that_is_no_number_is_an_error(tmp_path):
    (tmp_path / "seed.txt").write_text("seven")
    with pytest.raises(CheckpointError, match="cannot be used"):
        Journal(tmp_path).seed(lambda: 1)


def test_a_folder_is_made_with_those_above_it(tmp_path):
    Journal(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []
