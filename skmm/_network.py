"""Networks from recipes: encoders, fusion and head become one Keras graph.

Must not import pandas.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from skmm import training
from skmm.encoders._base import Encoder
from skmm.frame import ModalitySpec
from skmm.fusion._base import Fusion, TokenFusion
from skmm.layers import (
    AbsentEmbedding,
    ModalityDropout,
    ModalitySwap,
    OpinionPool,
    Parted,
    RowBefore,
    Twice,
)

__all__ = [
    "ENDS",
    "fill_room",
    "multimodal_network",
    "pooled_network",
    "roomy",
    "unimodal_network",
]

ENDS = ("encoded", "shown", "shown_where")  # of encoders, after a modality's name


def roomy(spec: ModalitySpec) -> ModalitySpec:
    """Round the sizes up that differ from one fold to the next.

    The folds of one table then share a network: the longest text, series and sound,
    the number of n-grams and of categories are seldom the same in two of them.

    Parameters
    ----------
    spec : ModalitySpec
        What the data are.

    Returns
    -------
    spec : ModalitySpec
        Sizes with three significant bits; the names of features, which no network
        needs, are left out.
    """
    shape = spec.shape
    if spec.vocabulary_size or spec.kind in ("audio", "timeseries"):
        shape = (_round_up(shape[0], 8), *shape[1:])
    return dataclasses.replace(
        spec,
        shape=shape,
        feature_names=None,
        vocabulary_size=spec.vocabulary_size and _round_up(spec.vocabulary_size, 64),
        cardinalities=tuple(_round_up(n, 16) for n in spec.cardinalities),
    )


def _round_up(n: int, step: int) -> int:
    step = max(step, 1 << max(n.bit_length() - 3, 0))
    return -(-n // step) * step


def fill_room(array: NDArray, spec: ModalitySpec) -> NDArray:
    """Pad the first axis of a row's array to what a roomy spec asks for.

    Parameters
    ----------
    array : ndarray of shape (n_samples, n, ...)
        The data.
    spec : ModalitySpec
        As `roomy` made it.

    Returns
    -------
    array : ndarray of shape (n_samples, *spec.shape)
        Filled with NaN, or with 0 where there is none, as padding is everywhere.
    """
    if array.shape[1:] == spec.shape:
        return array
    filler = np.nan if array.dtype.kind == "f" else 0
    padded = np.full((len(array), *spec.shape), filler, dtype=array.dtype)
    padded[:, : array.shape[1]] = array
    return padded


def unimodal_network(
    spec: ModalitySpec, encoder: Encoder, n_outputs: int, *, continuous: bool = False
) -> keras.Model:
    """Build encoder and head.

    Parameters
    ----------
    spec : ModalitySpec
        What the array holds.
    encoder : Encoder
        Recipe of the layers in between.
    n_outputs : int
        Number of logits.
    continuous : bool, default=False
        Whether bytes are taken as floats, which can change little by little.

    Returns
    -------
    network : keras.Model
        Takes the array; returns ``"logits"`` (batch, n_outputs) and ``"embedding"``
        (batch, d).
    """
    (spec,) = _legal([spec])
    x = _input(spec, continuous)
    embedding = encoder.encode(x, spec)
    logits = keras.layers.Dense(n_outputs, name="logits")(embedding)
    return keras.Model([x], {"logits": logits, "embedding": embedding})


def multimodal_network(
    specs: Sequence[ModalitySpec],
    encoders: Sequence[Encoder],
    fusion: Fusion,
    n_outputs: int,
    *,
    modality_dropout: float = 0.0,
    modality_swap: float = 0.0,
    unimodal: bool = True,
    aside: Sequence[int] = (),
    aside_fusion: Fusion | None = None,
    continuous: bool = False,
) -> keras.Model:
    """Build encoders, fusion and head.

    Parameters
    ----------
    specs : sequence of ModalitySpec
        The modalities, in order.
    encoders : sequence of Encoder
        One for each modality.
    fusion : Fusion
        Joins the embeddings.
    n_outputs : int
        Number of logits.
    modality_dropout : float, default=0.0
        Probability that a modality is taken away in training, from rows that are added
        to the same rows as they are; one always stays.
    modality_swap : float, default=0.0
        Probability that one modality of what is joined is another row's, in training.
    unimodal : bool, default=True
        Whether each modality gets logits of its own.
    aside : sequence of int, default=()
        Modalities that a second network joins, which shares no weight with the first;
        none for no such network.
    aside_fusion : Fusion or None, default=None
        Joins them; None is the same as in the first.
    continuous : bool, default=False
        Whether bytes are taken as floats, which can change little by little.

    Returns
    -------
    network : keras.Model
        Takes the arrays in order and ``present`` (batch, n_modalities); returns
        ``"logits"`` (batch, n_outputs), ``"embedding"`` (batch, h) and, where
        `unimodal`, ``"unimodal"``, a list of (batch, n_outputs). ``"aside"`` (batch,
        n_outputs) is what the second network says, or the first where a row has
        nothing for the second to read. With `modality_dropout`, ``"lacking"`` lists
        what both say, in training, where modalities are taken away.
    """
    specs = _legal(specs)
    inputs = [_input(spec, continuous) for spec in specs]
    present = keras.Input((len(specs),), dtype="float32", name="present")
    several = len(specs) > 1
    drops, swaps = several and modality_dropout > 0, several and modality_swap > 0
    kept, twice = present, _unchanged
    if drops:
        kept = ModalityDropout(modality_dropout, name="modality_dropout")(present)
        twice = Twice(name="modality_dropout_twice")
    if swaps:
        swapped = ModalitySwap(modality_swap, name="modality_swap")(kept)
    embeddings, tokens, decisions, own = [], [], [], []
    encode = _encodings(encoders, specs, fusion, continuous)
    for m, (x, spec) in enumerate(zip(inputs, specs, strict=True)):
        embedding, *shown = _findable(encode[m](x), spec.name)
        absent = AbsentEmbedding(m, name=f"{spec.name}_absent")
        parts = (e if e is None else twice(e) for e in (embedding, *shown))
        again, places, observed = parts
        joined = [absent(again, kept)]
        if isinstance(fusion, TokenFusion):
            joined += _tokens(absent, again, places, observed, kept)
        if swaps:
            other = RowBefore(name=f"{spec.name}_swap")
            joined = other(joined, swapped[:, m : m + 1])
        embeddings.append(joined[0])
        tokens.append(joined[1:])
        if unimodal or fusion.produces_logits:
            head = keras.layers.Dense(n_outputs, name=f"{spec.name}_logits")
            decisions.append(head(embeddings[-1]))
            own.append(head(absent(embedding, present)))
    if isinstance(fusion, TokenFusion):
        seen = [observed for _, observed in tokens]
        fused = fusion.fuse_tokens([x for x, _ in tokens], seen, kept)
    else:
        fused = fusion.fuse(embeddings, kept, decisions)
    if fusion.produces_logits:
        outputs = {"logits": fused, "embedding": _join(embeddings)}
    else:
        head = keras.layers.Dense(n_outputs, name="logits")
        outputs = {"logits": head(fused), "embedding": fused}
    if drops:
        parted = {k: Parted(name=f"{k}_parted")(x) for k, x in outputs.items()}
        outputs = {k: whole for k, (whole, _) in parted.items()}
        outputs["lacking"] = [parted["logits"][1]]
    if unimodal:
        outputs["unimodal"] = own
    if aside:
        second = multimodal_network(
            [specs[m] for m in aside],
            [encoders[m] for m in aside],
            aside_fusion or fusion,
            n_outputs,
            modality_dropout=modality_dropout,
            modality_swap=modality_swap,
            unimodal=False,
            continuous=continuous,
        )
        _add_aside(outputs, second, [inputs[m] for m in aside], present, aside)
    return keras.Model([*inputs, present], outputs)


def _unchanged(x: Any) -> Any:
    return x


def _add_aside(
    outputs: dict[str, Any],
    second: keras.Model,
    inputs: Sequence[Any],
    present: Any,
    read: Sequence[int],
) -> None:
    """Add what a second network says; where it has nothing to read, the first's."""
    said = {k: x for k, x in second.output.items() if k != "embedding"}
    second = keras.Model(second.inputs, said, name="aside")
    here = ops.concatenate([present[:, m : m + 1] for m in read], axis=1)
    said = second([*inputs, here])
    some = ops.any(here > 0, axis=1, keepdims=True)
    stand_in = ops.stop_gradient(outputs["logits"])
    outputs["aside"] = ops.where(some, said["logits"], stand_in)
    if "lacking" in said:
        outputs["lacking"].append(ops.where(some, *said["lacking"], stand_in))


def _input(spec: ModalitySpec, continuous: bool) -> Any:
    floats = continuous and spec.dtype == "uint8"
    dtype = "float32" if floats else spec.dtype
    return keras.Input(spec.shape, dtype=dtype, name=spec.name)


def _encodings(
    encoders: Sequence[Encoder],
    specs: Sequence[ModalitySpec],
    fusion: Fusion,
    continuous: bool,
) -> list[Callable[[Any], tuple[Any, Any, Any]]]:
    """Say how each input becomes an embedding, places and a mask of them.

    Modalities that are alike are encoded by one network, where the fusion asks for it.
    """
    shared: dict[Any, keras.Model] = {}

    def encoding(encoder: Encoder, spec: ModalitySpec) -> Callable:
        if isinstance(fusion, TokenFusion):
            return lambda x: encoder.encode_tokens(x, spec)
        if not fusion.shares_encoders:
            return lambda x: (encoder.encode(x, spec), None, None)
        codes = spec.vocabulary_size or spec.cardinalities  # mean nothing elsewhere
        named = spec if codes else dataclasses.replace(spec, name="")
        key = training.program_key([named], [encoder], encoder.get_params(deep=False))
        if key not in shared:
            x = _input(spec, continuous)
            name = f"{spec.name}_shared"
            shared[key] = keras.Model(x, encoder.encode(x, spec), name=name)
        return lambda x, network=shared[key]: (network(x), None, None)

    return [encoding(e, s) for e, s in zip(encoders, specs, strict=True)]


def _findable(parts: Sequence[Any], name: str) -> list[Any]:
    """Give names to what encoders hand on, by which inspection finds where they end.

    The embedding, and where they are shown the places and which of these there are.
    """
    ends = zip(parts, (f"{name}_{end}" for end in ENDS), strict=True)
    return [e if e is None else keras.layers.Identity(name=n)(e) for e, n in ends]


def _tokens(
    absent: AbsentEmbedding, embedding: Any, places: Any, observed: Any, present: Any
) -> tuple[Any, Any]:
    """Lay the embedding before the places, and replace all of an absent modality's."""
    units = embedding.shape[-1]
    tokens = keras.ops.expand_dims(embedding, 1)
    here = present[:, absent.index : absent.index + 1] > 0
    seen = ops.ones_like(here)
    if places is not None:
        if places.shape[-1] != units:
            dense = keras.layers.Dense(units, name=f"fusion_places_{absent.index}")
            places = dense(places)
        tokens = ops.concatenate([tokens, places], axis=1)
        if observed is None:
            observed = ops.ones_like(places[..., 0], dtype="bool")
        seen = ops.concatenate([seen, observed & here], axis=1)
    return absent(tokens, present), seen


def pooled_network(
    networks: Sequence[keras.Model],
    shares: Sequence[float],
    kind: str,
    sizes: tuple[int, ...],
    temperature: float,
) -> keras.Model:
    """Build one network of several, which averages what they say.

    Parameters
    ----------
    networks : sequence of keras.Model
        As `multimodal_network` makes them.
    shares : sequence of float
        Share of each network's own decision, then of its unimodal ones and of the
        second network aside.
    kind : str
        Kind of the target, as in `skmm.training.Loss`.
    sizes : tuple of int
        Number of logits of each output.
    temperature : float
        What logits are divided by.

    Returns
    -------
    network : keras.Model
        Takes what each of them takes; returns pooled ``"logits"``, and
        ``"embedding"``, theirs side by side.
    """
    inputs = [
        keras.Input(x.shape[1:], dtype=x.dtype, name=x.name) for x in networks[0].inputs
    ]
    outputs = [
        keras.Model(n.inputs, n.output, name=f"network_{i}")(inputs)
        for i, n in enumerate(networks)
    ]
    opinions = []
    for o in outputs:
        beside = [*o.get("unimodal", []), *([o["aside"]] if "aside" in o else [])]
        opinions += [o["logits"], *beside[: len(shares) - 1]]
    pool = OpinionPool(shares, kind, sizes, temperature, name="pooled_logits")
    logits = pool(opinions, inputs[-1])
    return keras.Model(
        inputs,
        {"logits": logits, "embedding": _join([o["embedding"] for o in outputs])},
    )


def _join(embeddings: list) -> keras.KerasTensor:
    if len(embeddings) == 1:
        return embeddings[0]
    return keras.layers.Concatenate(name="embeddings")(embeddings)


def _legal(specs: Sequence[ModalitySpec]) -> list[ModalitySpec]:
    """Give every spec a name that is a legal and unique prefix of layer names."""
    taken = {"present", "logits", "fusion", "embeddings", "modality", "aside"}
    legal = []
    for spec in specs:
        name = re.sub(r"[^A-Za-z0-9_]", "_", spec.name)
        name = name if name[:1].isalpha() else f"m_{name}"
        while name in taken:
            name += "_"
        taken.add(name)
        legal.append(dataclasses.replace(spec, name=name))
    return legal
