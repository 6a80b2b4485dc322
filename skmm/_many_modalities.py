"""Reading a dataframe, and building encoders, fusion and head for it."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from skmm import training
from skmm._compat import Interval, StrOptions, seeded_build, take_rows
from skmm._components import NestedParams, resolve
from skmm._inputs import from_keras
from skmm._members import Course, Split, Unseen
from skmm._network import multimodal_network, pooled_network
from skmm._neural import NeuralEstimator
from skmm._shares import best_alone, choose_shares, opinions_of
from skmm._validation import to_pandas
from skmm.encoders._base import Encoder
from skmm.encoders.pretrained import PretrainedEncoder
from skmm.exceptions import FusionWarning, MissingModalityWarning
from skmm.frame import ModalityFrame, ModalitySpec
from skmm.fusion._base import Fusion
from skmm.transformer import ModalityTransformer

__all__ = ["ManyModalities"]

FUSION, FUSION_OF_ONE = "gated", "concat"  # fusion="auto"
ENSEMBLE_SIZE = 5  # ensemble_size="auto" on few rows
KINDS = {"audio", "image", "tabular", "text", "timeseries", "vector"}
MOST_ROWS = 30_000  # that are shared out
WORK = 900_000_000  # effort that all its networks together may make
LIGHT = 1200  # effort that any row is worth
HEAVY = 3  # rank of the arrays whose rows are images or spectrograms
PIXELS = 2000  # effort of reading any image or spectrogram
FEWEST_ROWS = 20  # that it takes to deal them out


class ManyModalities(NestedParams, NeuralEstimator):
    """Read a dataframe, and build encoders, fusion and head for it."""

    fusion: Any
    _reads_frames: bool = False
    _named_params: ClassVar[dict[str, str]] = {
        "modalities": "modality",
        "encoders": "encoder",
    }
    _single_params: ClassVar[dict[str, str]] = {"fusion": "fusion"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralEstimator._parameter_constraints,
        "modalities": [str, list, tuple, ModalityTransformer],
        "encoders": [list, tuple, None],
        "fusion": [str, Fusion],
        "ensemble_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "aux_weight": [Interval(Real, 0, None, closed="left")],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "guard": ["boolean"],
        "modality_dropout": [Interval(Real, 0, 1, closed="left")],
        "modality_swap": [Interval(Real, 0, 1, closed="left")],
    }

    def _check_table(self, X: Any, reset: bool) -> Any:
        is_frame = isinstance(X, ModalityFrame)
        if reset:
            self._reads_frames = is_frame
            self.__dict__.pop("transformer_", None)  # of an earlier fit
        elif is_frame:  # its specs are compared later, and say more than its width
            return X
        elif self._reads_frames:
            raise TypeError(
                f"{type(self).__name__} was fitted on a ModalityFrame, got a "
                f"{type(X).__name__}: give it what the same ModalityTransformer makes "
                "of X, or fit a Pipeline of both."
            )
        if not is_frame:
            X = to_pandas(from_keras(X), estimator=self)
        return validate_data(self, X, reset=reset, skip_check_array=True)

    def _encode(
        self, table: Any, y: Any = None, rows: Any = None, *, fit: bool = False
    ) -> ModalityFrame:
        if isinstance(table, ModalityFrame):
            return table
        if fit and rows is None:
            return self._begin_transformer().fit_transform(table, y)
        if fit:
            self._begin_transformer().fit(take_rows(table, rows), y[rows])
        return self.transformer_.transform(table)

    def _begin_transformer(self) -> ModalityTransformer:
        transformer = self.modalities
        if not isinstance(transformer, ModalityTransformer):
            transformer = ModalityTransformer(transformer)
        # A frame comes out of it, whatever scikit-learn is configured to make.
        self.transformer_ = clone(transformer).set_output(transform="default")
        return self.transformer_

    def _arrays(self, frame: ModalityFrame) -> list[Any]:
        return [*super()._arrays(frame), frame.present.astype(np.float32)]

    def _components(self, frame: ModalityFrame) -> dict[str, Any]:
        given = dict(self.encoders or [])
        of_kind = {k: e for k, e in given.items() if k not in frame.names}
        unknown = set(of_kind) - KINDS
        if unknown:
            raise ValueError(
                f"encoders names the modality {sorted(unknown)[0]!r}, but the data "
                f"have {frame.names}."
            )
        encoders = {
            name: resolve(
                "encoder", given.get(name, of_kind.get(spec.kind, spec.encoder))
            )
            for name, spec in frame.specs.items()
        }
        for name, encoder in encoders.items():
            rank = len(frame.specs[name].shape)
            if rank not in encoder.ranks:
                raise ValueError(
                    f"modality {name!r}: {type(encoder).__name__} takes arrays whose "
                    f"rows have rank {list(encoder.ranks)}, this one has rank {rank} "
                    f"(shape {frame.specs[name].shape})."
                )
        encoders = {n: e.settled(frame.specs[n]) for n, e in encoders.items()}
        return {
            "encoders_": encoders,
            "fusion_": resolve("fusion", self._fusion_key(len(frame.names))),
            "unimodal_scores_": {},
            "decision_weights_": {},
        }

    def _fusion_key(self, n_modalities: int) -> Any:
        """Choose the fusion; one modality has nothing that a gate could choose from."""
        if self.fusion != "auto":
            return self.fusion
        return FUSION if n_modalities > 1 else FUSION_OF_ONE

    def _set_nested(self, head: str, tail: str, value: Any) -> bool:
        if head != "fusion" or not tail or self.fusion != "auto":
            return super()._set_nested(head, tail, value)
        self.fusion = FUSION  # of which a parameter is named
        done = super()._set_nested(head, tail, value)
        if not done:
            self.fusion = "auto"
        return done

    def _encoders(self, fitted: dict[str, Any]) -> dict[str, Encoder]:
        return fitted["encoders_"]

    def _loss(self, fitted: dict[str, Any]) -> training.Loss:
        target, apart = fitted["_target"], fitted.get("_apart", False)
        weight = 1.0 if apart else float(self.aux_weight)
        return training.Loss(target.kind, target.sizes, weight, fused=not apart)

    def _pretrained(
        self,
        fitted: dict[str, Any],
        data: training.Rows,
        course: Course,
    ) -> list[NDArray] | None:
        """Train each modality by its own head for some epochs, nothing joined."""
        if not self.pretrain_epochs or len(fitted["_specs"]) == 1:
            return None
        if not self.aux_weight:
            raise ValueError(
                "pretrain_epochs trains the modalities' own heads, which aux_weight=0 "
                "leaves out: set aux_weight above 0."
            )
        started, n_epochs = time.perf_counter(), self.pretrain_epochs
        alone = {k: v for k, v in fitted.items() if k not in ("_key", "_rate")}
        alone["_apart"], seed = True, fitted["_fit_seed"]
        with self._borrow(alone, untrained=True) as program:
            program.initialise(seed)
            stage, seconds = course.open(program), course.left
            if seconds is not None:
                seconds *= n_epochs / (n_epochs + self.epochs)
            recipe = self._recipe(alone, program, data, seed, one_epoch=False)
            recipe = replace(
                recipe,
                epochs=n_epochs,
                schedule="constant",
                seconds=seconds,
                workers=course.workers,
            )
            engine = self._chosen_engine(program, data, recipe, course)
            training.train(
                program,
                data,
                recipe,
                engine=engine.name,
                stage=stage,
                interrupt=course.interrupt,
            )
            weights = program.get_weights()
        report = fitted["fit_report_"]
        report["seconds_training"] += time.perf_counter() - started
        return weights

    def _prepare(self, *args: Any) -> tuple[dict[str, Any], list[Split]]:
        fitted, splits = super()._prepare(*args)
        self._sum_up(fitted, splits)
        return fitted, splits

    def _sum_up(self, fitted: dict[str, Any], splits: list[Split]) -> None:
        """Keep what is predicted for rows that have nothing."""
        data, target = splits[0][0], fitted["_target"]
        if len(splits) > 1:  # each trains on other rows, on all of them together
            data = data.whole()
        y, weight = data.targets()
        sums = np.append(target.sums(y, weight), weight.sum())
        fitted["_sums"] = fitted.get("_sums", 0) + sums
        if not self.guard:
            fitted["_shares"] = np.eye(1, len(fitted["_shares"]))[0]

    def _logits(
        self,
        X: Any,
        temperature: float = 1.0,
        modalities: Collection[str] | None = None,
    ) -> NDArray:
        """Pool the opinions on X; rows that have nothing get what most rows had."""
        *arrays, present = self._read(X)
        if modalities is not None:
            present = present * self._chosen(modalities)
        logits = self._pooled([*arrays, present], temperature)
        n_empty = self._answer_empty(logits, present)
        if n_empty and (modalities is None or len(modalities)):
            of = list(self.encoders_) if modalities is None else list(modalities)
            warnings.warn(
                f"{n_empty} of {len(logits)} rows have none of the modalities {of}; "
                "what is predicted for them is what the training rows had on the "
                "whole.",
                MissingModalityWarning,
                stacklevel=5,
            )
        return logits

    def _answer_empty(self, logits: NDArray, present: NDArray) -> int:
        """Put what most training rows had where a row has nothing; count these rows."""
        nothing = np.flatnonzero(~present.any(axis=1))
        logits[nothing] = self._target.prior(self._sums[:-1] / self._sums[-1])
        return len(nothing)

    def _chosen(self, modalities: Collection[str]) -> NDArray:
        """Say which modalities are named, (n_modalities,) float32."""
        names = list(self.encoders_)
        if isinstance(modalities, str) or not set(modalities) <= set(names):
            raise ValueError(
                f"modalities must be a list of any of {names}, got {modalities!r}."
            )
        return np.isin(names, list(modalities)).astype(np.float32)

    def _program_key(self, fitted: dict[str, Any]) -> Any:
        return training.program_key(
            self._network_specs(fitted["_input_specs"]),
            [
                *fitted["encoders_"].values(),
                fitted["fusion_"],
                self._aside_fusion(fitted),
            ],
            self._loss(fitted),
            (self.modality_dropout, self.modality_swap),
            self._aside(fitted),
            self.optimizer,
        )

    @training.outside_scope()
    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        return training.Program(
            self._make_network(fitted),
            self._loss(fitted),
            training.make_optimizer(self.optimizer, self.learning_rate),
            own_optimizer=not isinstance(self.optimizer, str),
        )

    def _make_network(
        self, fitted: dict[str, Any], continuous: bool = False
    ) -> keras.Model:
        loss = self._loss(fitted)
        with seeded_build(fitted["_fit_seed"]):
            return multimodal_network(
                self._network_specs(fitted["_input_specs"]),
                list(fitted["encoders_"].values()),
                fitted["fusion_"],
                sum(loss.sizes),
                modality_dropout=self.modality_dropout,
                modality_swap=self.modality_swap,
                unimodal=len(fitted["_specs"]) > 1 and self.aux_weight > 0,
                aside=self._aside(fitted),
                aside_fusion=self._aside_fusion(fitted),
                continuous=continuous,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _aside(self, fitted: dict[str, Any]) -> list[int]:
        """List what a second network reads: all but images, sounds and pretrained."""
        light = [
            m
            for m, (spec, encoder) in enumerate(
                zip(fitted["_specs"], fitted["encoders_"].values(), strict=True)
            )
            if len(spec.shape) < HEAVY and not isinstance(encoder, PretrainedEncoder)
        ]
        return (
            light if self.aux_weight > 0 and len(light) < len(fitted["_specs"]) else []
        )

    def _aside_fusion(self, fitted: dict[str, Any]) -> Fusion:
        """Choose what joins them, as for an estimator of these modalities alone."""
        aside = self._aside(fitted)
        if self.fusion != "auto" or not aside:
            return fitted["fusion_"]
        return resolve("fusion", self._fusion_key(len(aside)))

    def _n_networks(
        self, n_samples: int, given: bool, one_epoch: bool, resume: bool
    ) -> int:
        if resume:
            return len(self._weights)
        if self.ensemble_size != "auto":
            return self.ensemble_size
        deals = self.early_stopping == "auto" and not (given or one_epoch)
        if not deals or n_samples < FEWEST_ROWS:
            return 1
        return ENSEMBLE_SIZE if n_samples <= MOST_ROWS else 1

    def _affordable(self, specs: Sequence[ModalitySpec], n_samples: int) -> float:
        """Tell for how many epochs all networks together may be trained."""
        if self.ensemble_size != "auto":
            return math.inf
        effort = sum(_effort(spec) for spec in specs)
        return WORK / (n_samples * max(effort, LIGHT))

    def _most_networks(self, resume: bool) -> int:
        if resume:
            return len(self._weights)
        auto = self.ensemble_size == "auto"
        return ENSEMBLE_SIZE if auto else self.ensemble_size

    def _opinions(self, program: training.Program, arrays: Any) -> NDArray:
        """Logits of the fused network, each modality's own head, the network aside.

        Where a row lacks what one of them reads, the fused network stands in.
        """
        if "unimodal" not in program.network.output:
            return super()._opinions(program, arrays)
        aside = ["aside"] if "aside" in program.network.output else []
        logits, own, *others = training.predict(
            program, arrays, ["logits", "unimodal", *aside]
        )
        return opinions_of(logits, own, others, arrays[-1] > 0)

    def _judge(self, fitted: dict[str, Any], unseen: Unseen) -> dict[str, Any]:
        """Score each modality's own head, and choose what counts in the decision."""
        found = super()._judge(fitted, unseen)
        opinions, names = unseen.opinions, list(fitted["encoders_"])
        if len(opinions) == 1:
            return found
        rows, target = unseen.rows, fitted["_target"]
        present, truth = rows.arrays[-1] > 0, target.truth(rows.y)
        scores = {}
        own = opinions[1 : 1 + len(names)]
        for name, here, logits in zip(names, present.T, own, strict=True):
            if here.sum() > 1:
                predicted = target.decode(logits[here])
                scores[name] = float(self._metric(truth[here], predicted))
        opinions = opinions / found.get("temperature_", 1.0)
        shares = np.eye(1, len(opinions))[0]
        if self.guard:
            shares = choose_shares(target, opinions, rows.y, rows.weight)
        else:
            self._warn_if_worse(target, opinions[: 1 + len(names)], rows, names)
        aside = [names[m] for m in self._aside(fitted)]
        weights = dict(zip(names, shares[1:].tolist(), strict=False))
        if aside:  # of one modality, it has the name of that one's head
            both = "+".join(aside)
            weights[both] = weights.get(both, 0.0) + float(shares[-1])
        return {
            **found,
            "unimodal_scores_": scores,
            "decision_weights_": weights,
            "_shares": shares,
        }

    def _warn_if_worse(
        self, target: Any, opinions: NDArray, rows: training.Data, names: list[str]
    ) -> None:
        """Warn where one modality does better than all of them together."""
        best, gain = best_alone(target, opinions, rows.y, rows.weight)
        if gain > 0:
            warnings.warn(
                f"the modality {names[best]!r} alone does better than all of them "
                f"together, on rows that were not trained on: its loss is lower by "
                f"{gain:.3g}. Set guard=True, or leave other modalities out.",
                FusionWarning,
                stacklevel=7,
            )

    @property
    def network_(self) -> keras.Model:
        """A `keras.Model` that decides as the estimator does, built at each access.

        But for rows that have no modality at all, which it answers by itself.
        """
        check_is_fitted(self)
        networks = [self._network_of(weights).model for weights in self._weights]
        return self._pool_networks(networks)

    def _pool_networks(self, networks: Sequence[keras.Model]) -> keras.Model:
        """Make one network of those that a fit has trained."""
        if len(networks) == 1 and self._shares[0] == 1:
            return networks[0]
        return pooled_network(
            networks,
            self._shares.tolist(),
            self._target.kind,
            self._target.sizes,
            getattr(self, "temperature_", 1.0),
        )


def _effort(spec: ModalitySpec) -> int:
    """Estimate the time it takes to learn from a row, in numbers of a table's.

    An encoder soon makes an image small: large ones cost less for each number.
    """
    numbers = math.prod(spec.shape)
    if len(spec.shape) < HEAVY:
        return numbers
    n_images = math.prod(spec.shape[:-3])
    return n_images * PIXELS + numbers // 8
