"""Reading one array, and building one network for it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar, Self

import keras
import numpy as np
from sklearn.utils.validation import validate_data

from skmm import training
from skmm._builders import build_program, builder_parameters, describe_target
from skmm._compat import seeded_build
from skmm._components import NestedParams, resolve
from skmm._network import unimodal_network
from skmm._neural import NeuralEstimator
from skmm._scikeras import translate
from skmm._validation import refuse_paths
from skmm.encoders._base import Encoder
from skmm.frame import ModalityFrame, ModalitySpec
from skmm.modalities.vector import VectorModality

__all__ = ["OneModality"]


class OneModality(NestedParams, NeuralEstimator):
    """Read one array, and build one network for it."""

    network: Any
    network_params: dict[str, Any] | None

    _single_params: ClassVar[dict[str, str]] = {"network": "encoder"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralEstimator._parameter_constraints,
        "network": [str, Encoder, callable],
        "network_params": [dict, None],
        "loss": [str, keras.losses.Loss, callable, None],
    }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of the network: an encoder's, or a
            builder's own arguments.

        Returns
        -------
        params : dict of str to object
            Parameter names mapped to their values.
        """
        params = super().get_params(deep=deep)
        if deep and inspect.isroutine(self.network):
            own = {
                name: default
                for name, default in builder_parameters(self.network).items()
                if default is not inspect.Parameter.empty
            }
            own.update(self.network_params or {})
            params.update({f"network__{name}": v for name, v in own.items()})
        return params

    def _set_nested(self, head: str, tail: str, value: Any) -> bool:
        builder = self.network
        if head == "network" and tail and inspect.isroutine(builder):
            self.network_params = {**(self.network_params or {}), tail: value}
            return True
        return super()._set_nested(head, tail, value)

    @property
    def _is_builder(self) -> bool:
        return callable(self.network) and not isinstance(self.network, Encoder)

    def _check_table(self, X: Any, reset: bool) -> Any:
        if isinstance(X, ModalityFrame):
            if len(X.names) != 1:
                raise ValueError(
                    f"{type(self).__name__} takes one modality, got {X.names}: use "
                    "MultimodalClassifier or MultimodalRegressor, or X.select([name])."
                )
            return validate_data(self, X, reset=reset, skip_check_array=True)
        refuse_paths(X)
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            order="C",  # sums round alike, whatever container the numbers come in
            allow_nd=True,
        )

    def _encode(
        self, table: Any, y: Any = None, rows: Any = None, *, fit: bool = False
    ) -> ModalityFrame:
        if isinstance(table, ModalityFrame):
            return table
        if fit:
            raw = self._is_builder or not getattr(self.network, "standardized", True)
            scaled = VectorModality(standardize=not raw)
            self._modality = scaled.fit(table if rows is None else table[rows])
        array, present = self._modality.transform(table)
        spec = self._modality.spec("x")
        return ModalityFrame({"x": array}, {"x": spec}, present[:, None])

    def _network_specs(self, specs: Iterable[ModalitySpec]) -> list[ModalitySpec]:
        return list(specs) if self._is_builder else super()._network_specs(specs)

    def _components(self, frame: ModalityFrame) -> dict[str, Any]:
        (spec,) = frame.specs.values()
        if self._is_builder:
            return {}
        encoder = resolve(
            "encoder", spec.encoder if self.network == "auto" else self.network
        )
        if len(spec.shape) not in encoder.ranks:
            raise ValueError(
                f"{type(encoder).__name__} takes arrays of rank "
                f"{[r + 1 for r in encoder.ranks]}, rows included; X has rank "
                f"{len(spec.shape) + 1} (shape of a row: {spec.shape})."
            )
        return {"encoder_": encoder.settled(spec)}

    def _encoders(self, fitted: dict[str, Any]) -> dict[str, Encoder]:
        (spec,) = fitted["_specs"]
        return {} if self._is_builder else {spec.name: fitted["encoder_"]}

    def _loss(self, fitted: dict[str, Any]) -> training.Loss:
        target = fitted["_target"]
        return training.Loss(target.kind, target.sizes, keras_loss=self.loss)

    def _program_key(self, fitted: dict[str, Any]) -> Any:
        if self._is_builder:  # `_borrow` sees what it builds
            return fitted.get("_key", object())
        return training.program_key(
            self._network_specs(fitted["_input_specs"]),
            [fitted["encoder_"]],
            self._loss(fitted),
            self.optimizer,
        )

    def _borrow(self, fitted: dict[str, Any], untrained: bool = False) -> Any:
        """Borrow a program; a builder is asked at each fit, and may know its own."""
        if not (untrained and self._is_builder):
            return super()._borrow(fitted, untrained)
        fresh = self._make_program(fitted)
        fitted["_key"] = training.network_key(fresh)
        return training.program(fitted["_key"], lambda: fresh, fresh=fresh)

    @training.outside_scope()
    def _make_program(self, fitted: dict[str, Any]) -> training.Program:
        (spec,) = self._network_specs(fitted["_input_specs"])
        loss = self._loss(fitted)
        optimizer = training.make_optimizer(self.optimizer, self.learning_rate)
        own_optimizer = not isinstance(self.optimizer, str)
        if self._is_builder:
            return build_program(
                self.network,
                self.network_params or {},
                spec=spec,
                loss=loss,
                optimizer=optimizer,
                own_optimizer=own_optimizer,
                meta=describe_target(fitted["_target"], spec, fitted["n_outputs_"]),
                params=self.get_params(deep=False),
                seed=fitted["_fit_seed"],
            )
        return training.Program(
            self._make_network(fitted),
            loss,
            optimizer,
            takes_present=False,
            own_optimizer=own_optimizer,
        )

    def _make_network(
        self, fitted: dict[str, Any], continuous: bool = False
    ) -> keras.Model:
        """Build encoder and head; what a builder makes takes bytes as it will."""
        if self._is_builder:
            return self._make_program(fitted).network
        (spec,) = self._network_specs(fitted["_input_specs"])
        n_outputs = sum(self._loss(fitted).sizes)
        with seeded_build(fitted["_fit_seed"]):
            return unimodal_network(
                spec, fitted["encoder_"], n_outputs, continuous=continuous
            )

    @classmethod
    def from_scikeras(cls, estimator: Any, **params: Any) -> Self:
        """Convert a wrapper of scikeras.

        Parameters
        ----------
        estimator : scikeras.wrappers.KerasClassifier or KerasRegressor
            With ``model=`` a builder function. Its parameters, the builder's own
            arguments among them, are taken over; what it has learned is not.
        **params : dict
            Parameters of this class that take precedence.

        Returns
        -------
        estimator : BaseNNClassifier or BaseNNRegressor
            Unfitted.

        Raises
        ------
        ValueError
            If a parameter has no counterpart.
        """
        return cls(**{**translate(estimator), **params})
