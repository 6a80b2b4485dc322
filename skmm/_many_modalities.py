"""Reading a dataframe, and building encoders, fusion and head for it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from skmm import training
from skmm._compat import Interval, seeded_build, take_rows
from skmm._components import NestedParams, resolve
from skmm._network import multimodal_network
from skmm._neural import NeuralEstimator
from skmm._validation import to_pandas
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame
from skmm.fusion._base import Fusion
from skmm.transformer import ModalityTransformer

__all__ = ["ManyModalities"]


class ManyModalities(NestedParams, NeuralEstimator):
    """Read a dataframe, and build encoders, fusion and head for it."""

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
        "aux_weight": [Interval(Real, 0, None, closed="left")],
        "modality_dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def _check_table(self, X: Any, reset: bool) -> Any:
        if not isinstance(X, ModalityFrame):
            X = to_pandas(_from_keras(X), estimator=self)
        elif not reset:  # its specs are compared later, and say more than its width
            return X
        return validate_data(self, X, reset=reset, skip_check_array=True)

    def _encode(
        self, table: Any, y: Any = None, rows: Any = None, *, fit: bool = False
    ) -> ModalityFrame:
        if isinstance(table, ModalityFrame):
            return table
        if fit:
            transformer = self.modalities
            if not isinstance(transformer, ModalityTransformer):
                transformer = ModalityTransformer(transformer)
            # A frame comes out of it, whatever scikit-learn is configured to make.
            self.transformer_ = clone(transformer).set_output(transform="default")
            if rows is None:
                return self.transformer_.fit_transform(table, y)
            self.transformer_.fit(take_rows(table, rows), y[rows])
        return self.transformer_.transform(table)

    def _arrays(self, frame: ModalityFrame) -> list[Any]:
        return [*super()._arrays(frame), frame.present.astype(np.float32)]

    def _components(self, frame: ModalityFrame) -> dict[str, Any]:
        given = dict(self.encoders or [])
        unknown = set(given) - set(frame.names)
        if unknown:
            raise ValueError(
                f"encoders names the modality {sorted(unknown)[0]!r}, but the data "
                f"have {frame.names}."
            )
        encoders = {
            name: resolve("encoder", given.get(name, spec.encoder))
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
        return {"encoders_": encoders, "fusion_": resolve("fusion", self.fusion)}

    def _encoders(self, fitted: dict[str, Any]) -> dict[str, Encoder]:
        return fitted["encoders_"]

    def _loss(self, fitted: dict[str, Any]) -> training.Loss:
        target = fitted["_target"]
        return training.Loss(target.kind, target.sizes, float(self.aux_weight))

    def _program_key(self, fitted: dict[str, Any]) -> Any:
        return training.program_key(
            self._network_specs(fitted["_input_specs"]),
            [*fitted["encoders_"].values(), fitted["fusion_"]],
            self._loss(fitted),
            self.modality_dropout,
            self.optimizer,
        )

    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        loss = self._loss(fitted)
        with seeded_build(fitted["_fit_seed"]):
            network = multimodal_network(
                self._network_specs(fitted["_input_specs"]),
                list(fitted["encoders_"].values()),
                fitted["fusion_"],
                sum(loss.sizes),
                modality_dropout=self.modality_dropout,
                unimodal=len(fitted["_specs"]) > 1 and self.aux_weight > 0,
            )
        return training.Program(
            network,
            loss,
            training.make_optimizer(self.optimizer, self.learning_rate),
            own_optimizer=not isinstance(self.optimizer, str),
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def _scores(
        self, fitted: dict[str, Any], program: Any, held_out: Any
    ) -> dict[str, Any]:
        """Score each modality's own logits on the validation rows that have it."""
        found = super()._scores(fitted, program, held_out)
        if held_out is None or "unimodal" not in program.network.output:
            return {**found, "unimodal_scores_": {}}
        held_out = held_out.part()
        (logits,) = training.predict(program, held_out.arrays, ["unimodal"])
        present = held_out.arrays[-1].astype(bool)
        target, scores = fitted["_target"], {}
        truth = target.truth(held_out.y)
        for m, spec in enumerate(fitted["_specs"]):
            rows = present[:, m]
            if rows.sum() > 1:
                predicted = target.decode(logits[m][rows])
                scores[spec.name] = float(self._metric(truth[rows], predicted))
        return {**found, "unimodal_scores_": scores}


def _from_keras(X: Any) -> Any:
    """Make a table of the dict or list of arrays that Keras takes."""
    if isinstance(X, (list, tuple)) and X and all(np.ndim(x) > 1 for x in X):
        X = {f"input_{i}": array for i, array in enumerate(X)}
    if not isinstance(X, Mapping) or issparse(X):  # one sparse format is a dict
        return X
    arrays = {str(name): np.asarray(array) for name, array in X.items()}
    lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(lengths) < len(arrays) or len(set(lengths.values())) != 1:
        raise ValueError(
            f"the arrays of X must have one row for each sample, got {lengths} rows."
        )
    return pd.DataFrame(
        {n: a if a.ndim == 1 else pd.Series(list(a)) for n, a in arrays.items()}
    )
