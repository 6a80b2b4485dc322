"""What every estimator of skmm shares: the way from X and y to trained weights.

A fitted estimator holds primitives and arrays: fitted modalities, specs, weights. The
network is built from them when it is needed, and is never pickled.
"""

from __future__ import annotations

import copy
import math
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    check_random_state,
)

from skmm import training
from skmm._compat import Interval, StrOptions, check_sample_weight, take_rows
from skmm._inputs import check_specs, lay_out, prepare
from skmm._listeners import EpochEvents
from skmm._network import roomy
from skmm._splits import set_apart
from skmm._targets import ClassTarget, NumberTarget
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame, ModalitySpec

__all__ = ["NeuralEstimator"]

EARLY_STOPPING_ROWS = 10_000  # early_stopping="auto" as in HistGradientBoosting


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put the estimator back as it was if fitting fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        kept = {k: v for k, v in vars(estimator).items() if "callback" in k}
        vars(estimator).clear()
        vars(estimator).update(before, **kept)
        raise


class NeuralEstimator(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """The scikit-learn contract around one network.

    Subclasses say how data is read (`_check_table`, `_encode`), how the network is
    built (`_components`, `_program_key`, `_make_program`) and what the target is
    (`_check_y`, `_fit_target`).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "optimizer": [str, keras.optimizers.Optimizer],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "schedule": [StrOptions({"constant", "cosine"})],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "engine": [StrOptions({"auto", "graph", "xla"})],
        "callbacks": [list, tuple, callable, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    _stays_behind: ClassVar[tuple[str, ...]] = ("_optimizer_state", "_key", "_rate")

    @abstractmethod
    def _check_table(self, X: Any, reset: bool) -> Any:
        """Check X as scikit-learn does; return something `take_rows` can index."""

    @abstractmethod
    def _encode(
        self, table: Any, y: Any = None, rows: Any = None, *, fit: bool = False
    ) -> ModalityFrame:
        """Turn a checked X into arrays; where `fit`, learn how from `rows`, or all."""

    @abstractmethod
    def _components(self, frame: ModalityFrame) -> dict[str, Any]:
        """Resolve the recipes that the network is built from, as fitted attributes."""

    @abstractmethod
    def _encoders(self, fitted: dict[str, Any]) -> dict[str, Encoder]:
        """Give the encoders of the modalities by name; none of a builder's network."""

    @abstractmethod
    def _program_key(self, fitted: dict[str, Any]) -> Any:
        """Say everything the program depends on; something unique if that is unsaid."""

    @abstractmethod
    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        """Build the network of these fitted attributes."""

    @abstractmethod
    def _check_y(self, y: Any) -> NDArray:
        """Check the target."""

    @abstractmethod
    def _fit_target(
        self, y: NDArray, weight: NDArray, classes: Any, rows: NDArray | None
    ) -> Any:
        """Learn how to encode the target: its labels, or what numbers `rows` have."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        classes: Any = None,
        resume: bool = False,
        one_epoch: bool = False,
    ) -> Self:
        """Do the work of `fit` and `partial_fit`."""
        started = time.perf_counter()
        self._validate_params()
        with all_or_nothing(self):
            context = self._init_callback_context(
                max_subtasks=1 if one_epoch else self.epochs
            )
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            fitted, data, held_out = self._prepare(
                (X, y, sample_weight), validation, classes, resume, one_epoch
            )
            events = EpochEvents(self, context, X, y, sample_weight)
            self._train(fitted, data, held_out, events, resume, one_epoch, started)
            self.__dict__.update(fitted)
            context.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes={}
            )
        return self

    def _prepare(
        self,
        rows: tuple[Any, Any, Any],
        validation: tuple[Any, Any, Any],
        classes: Any,
        resume: bool,
        one_epoch: bool,
    ) -> tuple[dict[str, Any], training.Data, training.Data | None]:
        """Turn X, y and weights into what the network is trained and validated on."""
        table, y, weight = self._check_data(*rows, reset=not resume)
        given, train, held_out = self._split(y, validation, one_epoch)
        target = self._target if resume else None
        if target is None:
            target = self._fit_target(y, weight, classes, train)
        weight = self._weigh(y, weight)
        frame = self._encode(table, y, train, fit=not resume)
        fitted = self._start(frame, target, resume)
        encoders = self._encoders(fitted)
        frame = prepare(frame, encoders)
        fitted["_input_specs"] = tuple(frame.specs.values())
        data = self._data(frame, target, y, weight, train)
        if given is not None:
            frame = prepare(self._encode(*given[:2]), encoders)
            return fitted, data, self._data(frame, target, *given[1:])
        if held_out is not None:
            return fitted, data, replace(data, rows=held_out)
        return fitted, data, None

    def _check_data(
        self, X: Any, y: Any, sample_weight: Any, reset: bool
    ) -> tuple[Any, NDArray, NDArray]:
        """Check X, y and the weights together; leave out rows of weight zero."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        table = self._check_table(X, reset=reset)
        y = self._check_y(y)
        check_consistent_length(table, y)
        weight = check_sample_weight(
            sample_weight, y, dtype=np.float64, ensure_non_negative=True
        )
        kept = np.flatnonzero(weight)
        if len(kept) < len(weight):
            table, y, weight = take_rows(table, kept), y[kept], weight[kept]
        return table, y, weight

    def _weigh(self, y: NDArray, weight: NDArray) -> NDArray:
        """Adjust the weights of training rows; regressors leave them alone."""
        return weight

    def _split(
        self, y: NDArray, validation: tuple[Any, Any, Any], one_epoch: bool
    ) -> tuple[tuple[Any, NDArray, NDArray] | None, NDArray | None, NDArray | None]:
        """Check validation rows that were given, or set some of `y` apart.

        The rows given, and the numbers of those to train on and to validate on; None
        for those to train on is all, otherwise none.
        """
        X_val, y_val, weight_val = validation
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if X_val is not None:
            return self._check_data(X_val, y_val, weight_val, reset=False), None, None
        stops = self.early_stopping
        if stops == "auto":
            stops = len(y) > EARLY_STOPPING_ROWS
        if not stops or one_epoch:
            return None, None, None
        return None, *self._validation_rows(y)

    def _validation_rows(self, y: NDArray) -> tuple[NDArray, NDArray]:
        """Choose rows to train on and to validate on."""
        strata, seed = self._strata(y), self._seed()
        return set_apart(len(y), strata, self.validation_fraction, seed)

    def _strata(self, y: NDArray) -> NDArray | None:
        return None

    def _seed(self) -> int:
        """Draw this fit's seed; an integer random_state gives the same one always."""
        rng = check_random_state(self.random_state)
        return int(rng.randint(np.iinfo(np.int32).max))

    def _start(self, frame: ModalityFrame, target: Any, resume: bool) -> dict[str, Any]:
        """Collect the attributes that describe the network before it is trained."""
        if resume:
            return self._resumed(frame)
        fitted = {
            "_specs": tuple(frame.specs.values()),
            "_target": target,
            **self._target_attributes(target),
            **self._components(frame),
            "_optimizer_state": None,
            "history_": {},
            "n_epochs_": 0,
        }
        return fitted

    def _resumed(self, frame: ModalityFrame) -> dict[str, Any]:
        """Collect the attributes of the last fit; forget steps of another optimizer."""
        check_specs(frame, self._specs, type(self).__name__)
        private = ("_target", "_fit_seed", "_weights", *self._stays_behind)
        fitted = {
            name: value
            for name, value in vars(self).items()
            if name.endswith(("_", "_specs")) or name in private
        }
        key = fitted.get("_key")
        if key is not None and key != self._program_key(fitted):
            fitted["_optimizer_state"] = None
            del fitted["_key"], fitted["_rate"]
        return fitted

    def _target_attributes(self, target: Any) -> dict[str, Any]:
        return {}

    def _train(
        self,
        fitted: dict[str, Any],
        data: training.Data,
        held_out: training.Data | None,
        events: EpochEvents,
        resume: bool,
        one_epoch: bool,
        fit_started: float,
    ) -> None:
        """Train the network of `fitted`, and add to it what came out."""
        fitted["_fit_seed"] = seed = self._seed() + fitted["n_epochs_"]
        started = time.perf_counter()
        with self._borrow(fitted, untrained=not resume) as program:
            # A program that is shared may have another fit's by the time of the next.
            rate = fitted.setdefault("_rate", program.rate)
            recipe = self._recipe(rate, data.n_rows, seed, one_epoch)
            if resume:
                program.set_weights(fitted["_weights"])
                program.reset_optimizer(fitted.get("_optimizer_state"))
                program.seed_layers(seed)
            else:
                program.initialise(seed)
            callbacks = self._keras_callbacks()
            limit = None if one_epoch else self.time_limit
            size = min(recipe.batch_size, data.n_rows)
            n_steps = recipe.epochs * math.ceil(data.n_rows / size)
            engine = training.choose_engine(
                program.network, n_steps, size, self.engine, callbacks, limit
            )
            if self.verbose:
                print(f"engine {engine.name}: {engine.reason}")
            built = time.perf_counter()
            if limit is not None:
                recipe = replace(recipe, seconds=limit - (built - fit_started))
            history = training.train(
                program,
                data,
                recipe,
                validation=held_out,
                callbacks=[*callbacks, events.watch(fitted, program)],
                engine=engine.name,
                finish=not one_epoch,
            )
            fitted["fit_report_"] = {
                "engine": engine.name,
                "reason": engine.reason,
                "seconds_building": built - started,
                "seconds_training": time.perf_counter() - built,
            }
            fitted["_weights"] = program.get_weights()
            if one_epoch or self.warm_start:
                fitted["_optimizer_state"] = program.optimizer_state()
            fitted["_n_features_out"] = program.n_features_out
            fitted.update(self._scores(fitted, program, held_out))
        past = fitted["history_"]
        fitted["history_"] = {k: past.get(k, []) + v for k, v in history.items()}
        fitted["n_epochs_"] += len(history["loss"])

    def _recipe(
        self, rate: float | None, n_samples: int, seed: int, one_epoch: bool
    ) -> training.Recipe:
        size = self.batch_size
        if size == "auto":
            size = int(np.clip(n_samples // 32, 32, 256))
        return training.Recipe(
            epochs=1 if one_epoch else self.epochs,
            batch_size=size,
            learning_rate=rate or self.learning_rate,
            schedule="constant" if one_epoch or rate else self.schedule,
            weight_decay=self.weight_decay,
            seed=seed,
            patience=None if self.early_stopping is False else self.n_iter_no_change,
            verbose=int(self.verbose),
        )

    def _keras_callbacks(self) -> list[keras.callbacks.Callback]:
        """Copy the Keras callbacks, so that one fit does not see another's."""
        callbacks = self.callbacks() if callable(self.callbacks) else self.callbacks
        for callback in callbacks or []:
            if not isinstance(callback, keras.callbacks.Callback):
                raise TypeError(
                    f"callbacks must be Keras callbacks, got {callback!r}; callbacks "
                    "of scikit-learn are given by set_callbacks()."
                )
        return copy.deepcopy(list(callbacks or []))

    def _scores(self, fitted: Any, program: Any, held_out: Any) -> dict[str, Any]:
        return {}

    def _network_specs(self, specs: Iterable[ModalitySpec]) -> list[ModalitySpec]:
        """Describe what the network is built for: the data, and some room."""
        return [roomy(spec) for spec in specs]

    def _arrays(self, frame: ModalityFrame) -> list[NDArray]:
        """List the inputs of the network, in order."""
        return lay_out(frame, self._network_specs(frame.specs.values()))

    def _data(
        self,
        frame: ModalityFrame,
        target: ClassTarget | NumberTarget,
        y: NDArray,
        weight: NDArray,
        rows: NDArray | None = None,
    ) -> training.Data:
        counted = weight if rows is None else weight[rows]
        weight = (weight / counted.mean()).astype(np.float32)
        return training.Data(self._arrays(frame), target.encode(y), weight, rows)

    def _borrow(self, fitted: dict[str, Any], untrained: bool = False) -> Any:
        """Borrow the program of these fitted attributes from the pool."""
        if "_key" not in fitted:
            fitted["_key"] = self._program_key(fitted)
        return training.program(
            fitted["_key"], lambda: self._make_program(fitted), untrained=untrained
        )

    def _apply(self, X: Any, *outputs: str) -> list[NDArray]:
        """Run the trained network on X."""
        check_is_fitted(self)
        frame = self._encode(self._check_table(X, reset=False))
        check_specs(frame, self._specs, type(self).__name__)
        frame = prepare(frame, self._encoders(self.__dict__))
        with self._borrow(self.__dict__) as program:
            program.set_weights(self._weights)
            return training.predict(program, self._arrays(frame), outputs)

    @property
    def network_(self) -> keras.Model:
        """A `keras.Model` with the trained weights, built anew at each access."""
        check_is_fitted(self)
        program = self._make_program(self.__dict__)
        program.set_weights(self._weights)
        return program.model

    def transform(self, X: Any) -> NDArray:
        """Compute the embedding that the head decides from.

        Parameters
        ----------
        X : array-like or ModalityFrame
            What `fit` takes.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_features_out), float32
        """
        return self._apply(X, "embedding")[0]

    def __sklearn_is_fitted__(self) -> bool:
        return "_weights" in vars(self)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in self._stays_behind:
            state.pop(name, None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = []
        return tags
