"""A trained network in files that serve it, with what must be done before and after."""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skmm._cache import version_of
from skmm._writing import fill_folder
from skmm.encoders._snapshot import Snapshot
from skmm.encoders.pretrained import PretrainedEncoder
from skmm.exceptions import PersistenceError
from skmm.frame import ModalitySpec
from skmm.modalities._base import Modality
from skmm.modalities._words import TOKEN

__all__ = ["Exports"]

FORMAT = 1  # of preprocessing.json
LIBRARIES = ("skmm", "keras", "tensorflow", "numpy")
LARGEST_LIST = 10_000  # numbers of an array that is written out in JSON

# What the docstring of a modality leaves to its code.
DETAILS = {
    "TabularModality": "Order of the array: numbers and booleans in the order of the "
    "columns; then each date, days since 1970-01-01 as a number, followed by sine and "
    "cosine of 2 pi times the phase of each of its cycles (month: months since January "
    "/ 12; weekday: whole days since 1970-01-01 mod 7 / 7; hour: fraction of the day); "
    "then the one-hot categories of each column that has is_coded false, in the order "
    "of its list; then for each column with has_gaps 1 where it is missing; then the "
    "codes of columns that have is_coded, 1 for the first category, 0 for what is "
    "missing or not in the list. The text of a category is stripped; a whole number "
    "has no point, a boolean is 0 or 1. A row that lacks all columns is absent.",
    "TextModality": "A text that is not ASCII keeps at most thirty combining marks in "
    "a row, is brought to Unicode's NFKC, and its U+2019 become apostrophes. Where "
    "lowercase is true it is written small. Its words are what Python's re.findall "
    "gives for the pattern in `constants`. The hash of a word is the BLAKE2b digest of "
    "8 bytes of its UTF-8, as a little-endian number. The hash of an n-gram of words "
    "is h: at first the hash of the first word, and for each further word w it becomes "
    "(h C + hash(w)) C modulo 2**64 with C = 0x9E3779B97F4A7C15. For n-grams of "
    "characters a word is put between two blanks; of n = char_range[0] to "
    "char_range[1], but less than that length, each n-gram is hashed as a word is, "
    "with one more blank before it. What is looked up in vocabulary_ is the upper half "
    "of a hash, its 32 highest bits; the id is the place there, from 1. A row lists "
    "the known ids: n-grams of words in reading order for each n in turn, all columns "
    "one after another, no n-gram reaching from one into the next; then those of "
    "characters. It is cut off at n_tokens_ and filled with 0. With a tokenizer, it "
    "lists the tokenizer's ids plus 1.",
    "ImageModality": "Files are opened by Pillow; JPEG files may be decoded at half, a "
    "quarter or an eighth of their size, not below twice the longer side of size_ "
    "(Image.draft). Resizing is Image.resize(size, BILINEAR, reducing_gap=2.0).",
    "AudioModality": "A window has round(window_ sampling_rate_) samples, 32 at least, "
    "a hop round(hop_ sampling_rate_), the Hann window is divided by its sum, and the "
    "length of the Fourier transform is the least power of two that is not below the "
    "window and leaves no filter empty. Resampling is scipy.signal.resample_poly.",
    "TfidfModality": "The n-grams and their order are those of text_.",
}


CONSTANTS = {"TextModality": {"words": TOKEN.pattern}}


class Exports:
    """What every estimator with a network can write for serving."""

    _weights: list[list[NDArray]]
    _input_specs: tuple[ModalitySpec, ...]
    _specs: tuple[ModalitySpec, ...]
    _shares: NDArray
    _target: Any
    network_: keras.Model

    def export(self, path: str | os.PathLike, *, transformer: Any = None) -> None:
        """Write the trained network for serving, and what surrounds it in words.

        The folder has ``model.keras``, which Keras loads wherever `skmm.layers` is
        imported; ``saved_model``, which needs TensorFlow alone, and returns
        probabilities (or numbers) beside logits and embedding;
        ``preprocessing.json``, which says how columns become arrays, with all that was
        learned of them; and ``README.txt``. Code that reads cells is not in it: to have
        that too, use `skmm.save`.

        Parameters
        ----------
        path : str or path
            The folder: nothing must be there, or an empty folder. It appears when all
            is written.
        transformer : ModalityTransformer or None, default=None
            Fitted, as it made the frames that the estimator was trained on; None if it
            was given dataframes or arrays.

        Raises
        ------
        PersistenceError
            If there is something at `path`, or it cannot be written.
        """
        check_is_fitted(self)
        if transformer is not None:
            check_is_fitted(transformer)
        with fill_folder(path) as folder:
            model, outputs = self._served()
            _write_model(model, folder / "model.keras")
            described = self._described(model, transformer, folder)
            served = _Served(model, self._finished(outputs), _input_names(described))
            served.write(folder / "saved_model")
            text = json.dumps(described, indent=1, allow_nan=False)
            (folder / "preprocessing.json").write_text(text, encoding="utf-8")
            readme = _readme(described)
            (folder / "README.txt").write_text(readme, encoding="utf-8")

    def _served(self) -> tuple[keras.Model, Callable[[list[Any]], dict[str, Any]]]:
        """Give the network, and a function that has its logits whatever it ends in."""
        if not self._has_builder:
            model = self.network_
            return model, lambda x: model(x if len(x) > 1 else x[0], training=False)
        program = self._network_of(self._weights[0])  # type: ignore[attr-defined]
        return program.model, lambda x: program.outputs(x, False)

    @property
    def _has_builder(self) -> bool:
        return getattr(self, "_is_builder", False)

    @property
    def _divisor(self) -> float:
        """What is left to divide logits by: networks that are pooled have done it."""
        pooled = len(self._weights) > 1 or self._shares[0] < 1
        return 1.0 if pooled else float(getattr(self, "temperature_", 1.0))

    @property
    def _empty_logits(self) -> NDArray | None:
        """Logits of a row that has nothing, None where every row has something."""
        sums = getattr(self, "_sums", None)
        return None if sums is None else self._target.prior(sums[:-1] / sums[-1])

    def _finished(
        self, outputs: Callable[[list[Any]], dict[str, Any]]
    ) -> Callable[[list[Any]], dict[str, Any]]:
        """Put behind a network what the estimator does with its logits."""
        target, divisor, empty = self._target, self._divisor, self._empty_logits

        def finished(x: list[Any]) -> dict[str, Any]:
            found = outputs(x)
            logits = found["logits"] / divisor
            if empty is not None:
                nothing = tf.reduce_all(x[-1] == 0, axis=1, keepdims=True)
                logits = tf.where(nothing, tf.cast(empty, logits.dtype), logits)
            answers = _answers(target, logits)
            return {"logits": logits, "embedding": found["embedding"], **answers}

        return finished

    def _described(
        self, model: keras.Model, transformer: Any, folder: Path
    ) -> dict[str, Any]:
        """Describe everything around the network in plain values."""
        modalities = self._modalities(transformer)
        inputs = []
        specs = zip(self._specs, self._input_specs, strict=True)
        for x, (spec, given) in zip(model.inputs, specs, strict=False):
            columns, modality = modalities.get(spec.name, (None, None))
            inputs.append(
                {
                    "modality": spec.name,
                    "kind": spec.kind,
                    "columns": _plain(columns),
                    "transform": _describe(modality, spec.name, folder),
                    "gives": {
                        "shape": list(spec.shape),
                        "dtype": spec.dtype,
                        "feature_names": _plain(spec.feature_names),
                    },
                    "features": self._features(spec, given, folder),
                    "input": {
                        # What a builder's input is called changes at each build.
                        "name": spec.name if self._has_builder else x.name,
                        "shape": list(x.shape[1:]),
                        "dtype": given.dtype,
                        "how": "The array; where it is shorter along its first axis "
                        "than `shape`, filled up behind with "
                        + ("NaN." if "float" in given.dtype else "0."),
                    },
                }
            )
        return {
            "format": FORMAT,
            "written_by": {name: version_of(name) for name in LIBRARIES},
            "estimator": f"{type(self).__module__}.{type(self).__name__}",
            "inputs": inputs,
            "present": self._presence(model.inputs[-1].name, len(inputs)),
            "output": self._answer(),
        }

    def _modalities(self, transformer: Any) -> dict[str, tuple[Any, Any]]:
        """Columns and fitted modality of each modality, by its name."""
        transformer = transformer or getattr(self, "transformer_", None)
        if transformer is not None:
            found = {name: (c, m) for name, m, c in transformer.modalities_}
            missing = [s.name for s in self._specs if s.name not in found]
            if missing:
                raise PersistenceError(
                    f"the transformer has the modalities {list(found)}, and the "
                    f"network reads {missing} as well: give the one that made its "
                    "training data."
                )
            return found
        if hasattr(self, "_modality"):
            columns = getattr(self, "feature_names_in_", None)
            return {"x": (columns, self._modality)}
        return {}

    def _features(
        self, spec: ModalitySpec, given: ModalitySpec, folder: Path
    ) -> dict[str, Any] | None:
        """Describe, and write, what a frozen pretrained model computes before."""
        encoders = self._encoders(self.__dict__)  # type: ignore[attr-defined]
        encoder = encoders.get(spec.name)
        if not isinstance(encoder, PretrainedEncoder) or spec == given:
            return None
        how = (
            "The input is what a frozen model gives of the array, for each row alone; "
            "of several images for each of them, NaN where one is missing. NaN within "
            "an array is 0 for it. A row that lacks the modality has zeros."
        )
        model = encoder.settled(spec).model
        if not isinstance(model, Snapshot):  # a function, or a transformer
            return {"file": None, "how": how, "model": repr(model)}
        name = f"features_{len(list(folder.glob('features_*')))}.keras"
        _write_model(model.build(), folder / name)
        return {"file": name, "how": how, "model": repr(model)}

    def _presence(self, name: str, n_modalities: int) -> dict[str, Any] | None:
        if self._empty_logits is None:
            return None
        return {
            "input": name,
            "shape": [n_modalities],
            "dtype": "float32",
            "how": "1 where the row has the modality, 0 where it is absent, in the "
            "order of the inputs. The array of an absent modality is zeros.",
            "logits_of_a_row_without_any": _plain(self._empty_logits),
        }

    def _answer(self) -> dict[str, Any]:
        target = self._target
        described = {"kind": target.kind, "divide_logits_by": self._divisor}
        if target.kind == "squared":
            learned = {"mean": _plain(target.mean), "scale": _plain(target.scale)}
            return {**described, **learned, "how": HOW["squared"]}
        classes = [_plain(labels) for labels in target.classes]
        sizes = list(target.sizes)
        how = HOW[target.kind]
        return {**described, "sizes": sizes, "classes": classes, "how": how}


HOW = {
    "binary": "p of the second class = 1 / (1 + exp(-z)), z being the one logit; of "
    "two logits, the second less the first. The label is the second where z > 0.",
    "multiclass": "p = softmax(logits), in the order of the classes; the label is that "
    "of the largest.",
    "multilabel": "p of each label = 1 / (1 + exp(-logit)), independently; it is given "
    "where the logit is above 0.",
    "multioutput": "Logits lie side by side, as many as `sizes` says for each output; "
    "p = softmax of each block, in the order of its classes.",
    "squared": "y = logits * scale + mean.",
}


def _answers(target: Any, z: Any) -> dict[str, Any]:
    """Turn logits into what `predict_proba` returns, or `predict` of numbers."""
    if target.kind == "squared":
        wide = tf.cast(z, tf.float64)
        return {"prediction": wide * target.scale + target.mean}
    if target.kind == "binary":
        z = z[:, 1:] - z[:, :1] if z.shape[1] == 2 else z
        return {"probabilities": tf.concat([tf.sigmoid(-z), tf.sigmoid(z)], axis=1)}
    if target.kind == "multilabel":
        return {"probabilities": tf.sigmoid(z)}
    blocks = [tf.nn.softmax(block) for block in tf.split(z, target.sizes, axis=1)]
    if target.kind == "multiclass":
        return {"probabilities": blocks[0]}
    return {f"probabilities_{i}": block for i, block in enumerate(blocks)}


def _write_model(model: keras.Model, path: Path) -> None:
    try:
        with warnings.catch_warnings():  # Keras asks NumPy in an old way
            warnings.filterwarnings("ignore", "__array__ implementation")
            model.save(path)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise PersistenceError(
            f"the network cannot be written as {path.name}: {error}. Layers of your "
            "own need get_config, and keras.saving.register_keras_serializable."
        ) from error


class _Served(tf.Module):
    """A traced function and the variables that it reads, and nothing else.

    What `keras.Model.export` writes has all layers in it too: it takes twice the time
    and half as much again of the disk.
    """

    def __init__(self, model: keras.Model, outputs: Callable, names: list[str]):
        super().__init__()
        self.held = [variable.value for variable in model.variables]
        signature = [
            tf.TensorSpec([None, *x.shape[1:]], x.dtype, name=name)
            for name, x in zip(names, model.inputs, strict=True)
        ]
        self.serve = tf.function(
            lambda *x: outputs(list(x)), input_signature=signature, autograph=False
        )

    def write(self, path: Path) -> None:
        """Write itself as a SavedModel."""
        signature = self.serve.get_concrete_function()
        tf.saved_model.save(self, str(path), signatures=signature)


def _input_names(described: dict[str, Any]) -> list[str]:
    names = [part["input"]["name"] for part in described["inputs"]]
    present = described["present"]
    return [*names, present["input"]] if present else names


def _describe(modality: Any, label: str, folder: Path) -> dict[str, Any] | None:
    """Describe a fitted modality: what it does, and what it has learned."""
    if modality is None:
        return None
    kind = type(modality)
    doc = inspect.getdoc(kind) or ""
    learned = {
        name: _kept(value, f"{label}.{name}", folder)
        for name, value in vars(modality).items()
        if name.endswith("_") and not name.startswith("_")
    }
    return {
        "class": f"{kind.__module__}.{kind.__name__}",
        "how": doc.partition("\nSee Also\n")[0].partition("\nExamples\n")[0].strip(),
        "details": DETAILS.get(kind.__name__, ""),
        "constants": CONSTANTS.get(kind.__name__, {}),
        "parameters": _plain(modality.get_params(deep=False)),
        "learned": learned,
    }


def _kept(value: Any, label: str, folder: Path) -> Any:
    """Write a value out; a long array into a file of its own."""
    if isinstance(value, Modality):
        return _describe(value, label, folder)
    if not isinstance(value, np.ndarray) or value.size <= LARGEST_LIST:
        return _plain(value)
    np.save(folder / f"{label}.npy", value, allow_pickle=False)
    return {"file": f"{label}.npy", "shape": list(value.shape)}


def _plain(value: Any) -> Any:
    """Make a value of what JSON has; infinity and NaN are strings there."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return repr(value)


def _readme(described: dict[str, Any]) -> str:
    arguments = ", ".join(f"{name}={name}" for name in _input_names(described))
    return (
        f"{described['estimator']}, written by skmm "
        f"{described['written_by']['skmm']}.\n\n"
        "preprocessing.json says how rows become arrays, what the network is given "
        "where they lack something, and what its logits mean.\n\n"
        "With TensorFlow alone, probabilities included:\n\n"
        "    import tensorflow as tf\n"
        '    serve = tf.saved_model.load("saved_model").signatures["serving_default"]\n'
        f"    serve({arguments})\n\n"
        "With Keras, logits only:\n\n"
        "    import keras\n"
        "    import skmm.layers  # makes Keras know them\n"
        '    network = keras.saving.load_model("model.keras")\n'
        f"    network([{', '.join(_input_names(described))}])\n"
    )
