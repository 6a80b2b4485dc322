"""What every estimator of skmm shares: the way from X and y to trained weights.

A fitted estimator holds primitives and arrays: fitted modalities, specs, weights. The
network is built from them when it is needed, and is never pickled.
"""

from __future__ import annotations

import time
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
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
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    check_random_state,
)

from skmm import training
from skmm._compat import Interval, StrOptions, check_sample_weight, take_rows
from skmm._export import Exports
from skmm._inputs import check_specs, prepare
from skmm._journal import Journal
from skmm._listeners import EpochEvents
from skmm._members import Course, Members, Split, Unseen, fused_opinion
from skmm._splits import MANY_ROWS, deal, set_apart
from skmm._targets import ClassTarget, NumberTarget
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame

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
    Exports,
    Members,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """The scikit-learn contract around one network, or several.

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
        "n_iter_no_change": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "on_nan": [StrOptions({"raise", "rollback"})],
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
        checkpoint: Any = None,
        on_interrupt: str = "raise",
    ) -> Self:
        """Do the work of `fit` and `partial_fit`."""
        started = time.perf_counter()
        self._validate_params()
        workers = self._workers(checkpoint, on_interrupt)
        with training.outside_scope(), all_or_nothing(self):
            journal = self._journal(checkpoint, on_interrupt)
            epochs = 1 if one_epoch else self.epochs
            context = self._init_callback_context(
                max_subtasks=epochs * self._most_networks(resume)
            )
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            seed = journal.seed(self._seed) if self.random_state is None else None
            fitted, splits = self._prepare(
                (X, y, sample_weight), validation, classes, resume, one_epoch, seed
            )
            events = EpochEvents(self, context, X, y, sample_weight)
            seed = self._seed() if seed is None else seed
            fitted["_fit_seed"] = seed + fitted["n_epochs_"]
            journal.identify(self, fitted, splits)
            with training.Interrupt(on_interrupt == "keep") as interrupt:
                limit = None if one_epoch else self.time_limit
                course = Course(
                    journal, interrupt, events, started, limit, workers, len(splits)
                )
                self._train(fitted, splits, course, resume=resume, one_epoch=one_epoch)
            self.__dict__.update(fitted)
            context.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes={}
            )
        if interrupt.asked:
            self._warn_of_interrupt()
        return self

    def _journal(self, checkpoint: Any, on_interrupt: str) -> Journal:
        """Check how a fit is to survive, before anything is done."""
        if on_interrupt not in ("raise", "keep"):
            raise ValueError(
                f'on_interrupt must be "raise" or "keep", got {on_interrupt!r}.'
            )
        callbacks = self._keras_callbacks() if checkpoint is not None else []
        if callbacks:
            name = type(callbacks[0]).__name__
            raise ValueError(
                f"checkpoint cannot be used with Keras callbacks (here {name}): "
                "what they remember of earlier epochs is not written, and a fit that "
                "goes on would end elsewhere. early_stopping, schedule and time_limit "
                "do without; callbacks of scikit-learn (set_callbacks) may watch."
            )
        return Journal(checkpoint)

    def _warn_of_interrupt(self) -> None:
        stops = "val_loss" in self.history_ and self.early_stopping is not False
        kept = "the best epoch" if stops else "the last step"
        warnings.warn(
            f"the training was interrupted in epoch {self.n_epochs_} of {self.epochs}; "
            f"the weights are those of {kept} until then.",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _prepare(
        self,
        rows: tuple[Any, Any, Any],
        validation: tuple[Any, Any, Any],
        classes: Any,
        resume: bool,
        one_epoch: bool,
        seed: int | None,
    ) -> tuple[dict[str, Any], list[Split]]:
        """Turn X, y and weights into what each network is trained and validated on."""
        table, y, weight = self._check_data(*rows, reset=not resume)
        given = self._given(validation)
        splits = self._splits(y, given is not None, one_epoch, resume, seed)
        self._check_held_out(given is not None or splits[0][1] is not None)
        train = splits[0][0] if len(splits) == 1 else None
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
            held_out = self._data(frame, target, *given[1:])
            return fitted, [(data, held_out)] * len(splits)
        return fitted, [
            (
                replace(data, rows=inside),
                None if outside is None else replace(data, rows=outside),
            )
            for inside, outside in splits
        ]

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

    def _given(self, validation: tuple[Any, Any, Any]) -> Any:
        """Check validation rows that were given; None if there are none."""
        X_val, y_val, weight_val = validation
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if X_val is None:
            return None
        return self._check_data(X_val, y_val, weight_val, reset=False)

    def _splits(
        self,
        y: NDArray,
        given: bool,
        one_epoch: bool,
        resume: bool,
        seed: int | None = None,
    ) -> list[tuple[NDArray | None, NDArray | None]]:
        """Choose the rows of `y` that each network is trained and validated on.

        None for those to train on is all, for those to validate on none; a seed that
        is None is drawn.
        """
        n_networks = self._n_networks(len(y), given, one_epoch, resume)
        fewest = 5 if len(y) < MANY_ROWS else 10  # each network validates on one
        n_folds = max(n_networks, fewest)
        stops = self.early_stopping
        if stops == "auto":
            dealt = n_networks > 1 and len(y) >= n_folds
            stops = dealt or len(y) > EARLY_STOPPING_ROWS
        if given or one_epoch or not stops:
            return [(None, None)] * n_networks
        strata, seed = self._strata(y), self._seed() if seed is None else seed
        if n_networks == 1:
            return [set_apart(len(y), strata, self.validation_fraction, seed)]
        folds = deal(len(y), strata, n_folds, seed)[:n_networks]
        return [(inside, fold if len(fold) else None) for inside, fold in folds]

    def _n_networks(
        self, n_samples: int, given: bool, one_epoch: bool, resume: bool
    ) -> int:
        """Tell how many networks to deal rows out to, before the data are read."""
        return 1

    def _most_networks(self, resume: bool) -> int:
        """Tell how many networks `_n_networks` may ask for."""
        return 1

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
            "_weights": [],
            "_optimizer_state": [],
            "_shares": np.ones(1),  # of the opinions of a network: its own comes first
            "history_": {},
            "n_epochs_": 0,
        }
        return fitted

    def _resumed(self, frame: ModalityFrame) -> dict[str, Any]:
        """Collect the attributes of the last fit; forget steps of another optimizer."""
        check_specs(frame, self._specs, type(self).__name__)
        private = {"_target", "_fit_seed", "_weights", "_shares", "_sums"}
        private.update(self._stays_behind)
        fitted = {
            name: value
            for name, value in vars(self).items()
            if name.endswith(("_", "_specs")) or name in private
        }
        fitted.setdefault("_optimizer_state", [])
        key = fitted.get("_key")
        if key is not None and key != self._program_key(fitted):
            fitted["_optimizer_state"] = []
            del fitted["_key"], fitted["_rate"]
        return fitted

    def _judge(self, fitted: dict[str, Any], unseen: Unseen) -> dict[str, Any]:
        return {}

    def _check_held_out(self, there: bool) -> None:
        """Refuse to do without rows to validate on, where something needs them."""

    def _target_attributes(self, target: Any) -> dict[str, Any]:
        return {}

    def _data(
        self,
        frame: ModalityFrame,
        target: ClassTarget | NumberTarget,
        y: NDArray,
        weight: NDArray,
        rows: NDArray | None = None,
    ) -> training.Data:
        counted = weight if rows is None else weight[rows]
        share = (weight / counted.mean()).astype(np.float32)
        if np.any((share == 0) & (weight > 0)):
            raise ValueError(
                f"weights range from {weight[weight > 0].min():.3g} to "
                f"{weight.max():.3g}, class_weight included: in float32 the smallest "
                "would count nothing. Set those to 0, or lower the largest."
            )
        return training.Data(self._arrays(frame), target.encode(y), share, rows)

    def _read(self, X: Any) -> list[NDArray]:
        """Turn X into the inputs of the network."""
        check_is_fitted(self)
        frame = self._encode(self._check_table(X, reset=False))
        check_specs(frame, self._specs, type(self).__name__)
        frame = prepare(frame, self._encoders(self.__dict__))
        return self._arrays(frame)

    def _logits(self, X: Any, temperature: float = 1.0) -> NDArray:
        """Pool the opinions of all networks on X."""
        return self._pooled(self._read(X), temperature)

    def _pooled(self, arrays: list[NDArray], temperature: float) -> NDArray:
        hear = self._opinions if self._shares[0] < 1 else fused_opinion
        return self._pool(self._run(arrays, hear), temperature)

    def _pool(self, opinions: Sequence[NDArray], temperature: float) -> NDArray:
        """Pool the opinions of each network, (n_opinions, n_samples, n_logits)."""
        logits = np.concatenate(opinions) / temperature
        shares = np.tile(self._shares[: len(opinions[0])], len(opinions))
        heard = np.flatnonzero(shares)
        return self._target.pool(logits[heard], shares[heard] / len(opinions))

    @property
    def network_(self) -> keras.Model:
        """A `keras.Model` with the trained weights, built anew at each access."""
        check_is_fitted(self)
        return self._network_of(self._weights[0]).model

    def _network_of(self, weights: list[NDArray]) -> training.Program:
        program = self._make_program(self.__dict__)
        program.set_weights(weights)
        return program

    def transform(self, X: Any) -> NDArray:
        """Compute the embedding that the head decides from; of several side by side.

        Parameters
        ----------
        X : array-like or ModalityFrame
            What `fit` takes.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_features_out), float32
        """
        return np.concatenate(self._run(self._read(X), _embedding), axis=1)

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


def _embedding(program: training.Program, arrays: Sequence[NDArray]) -> NDArray:
    return training.predict(program, arrays, ["embedding"])[0]
