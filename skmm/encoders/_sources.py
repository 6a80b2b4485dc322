"""Where pretrained models come from. Must not import pandas.

Nothing is downloaded but what a string names that is said to be remote.
"""

from __future__ import annotations

import inspect
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from skmm._compat import seeded_build
from skmm.encoders._snapshot import Snapshot

__all__ = ["Source", "load"]

REMOTE = re.compile(r"(hf|kaggle|modelscope|gs)://")
DOWNLOADED = "imagenet"  # weights that Keras downloads
Facts = tuple[tuple[str, int, int], ...]


class Source(NamedTuple):
    """A model that was loaded.

    Attributes
    ----------
    snapshot : Snapshot
        The model.
    scaling : str, tuple of float or None
        How numbers are scaled for it, where that is known.
    """

    snapshot: Snapshot
    scaling: Any


def load(model: str | os.PathLike, weights: str | os.PathLike | None = None) -> Source:
    """Load a model that a string names.

    Parameters
    ----------
    model : str or path
        A ``.keras`` file, a folder in the layout of keras_hub or Hugging Face, the
        name of a model of `keras.applications`, or a preset of keras_hub.
    weights : str, path or None, default=None
        Of a model of `keras.applications`: a file, or ``"imagenet"``.

    Returns
    -------
    source : Source

    Raises
    ------
    ValueError
        If `weights` do not go with `model`.
    FileNotFoundError
        If it names none of these.
    ImportError
        If keras_hub is needed and not installed.
    """
    name = os.fspath(model)
    weights = None if weights is None else os.fspath(weights)
    application = getattr(keras.applications, name, None)
    if inspect.isfunction(application) and not os.path.exists(name):
        _check_weights(name, weights)
        return _application(name, weights, _facts(weights))
    if weights is not None:
        raise ValueError(
            "weights= goes with a model of keras.applications, such as "
            f"'MobileNetV3Small'; {name!r} brings its own."
        )
    if os.path.isdir(name):
        return _folder(os.path.abspath(name), _facts(name))
    if os.path.isfile(name):
        return _file(os.path.abspath(name), _facts(name))
    if REMOTE.match(name):
        return _preset(name)
    return _preset(_known(name))


def _check_weights(name: str, weights: str | None) -> None:
    if weights is None:
        raise ValueError(
            f"{name} needs weights=: the path of a file without the classifier, or "
            f"{DOWNLOADED!r}, which Keras downloads."
        )
    if weights != DOWNLOADED and not os.path.isfile(weights):
        raise FileNotFoundError(f"there is no file of weights {weights!r}.")


def _facts(path: str | None) -> Facts:
    """Sizes and times of change: a file that changed is read again."""
    if path is None or not os.path.exists(path):
        return ()
    root = Path(path)
    files = (
        sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
    )
    states = [(str(p), p.stat()) for p in files]
    return tuple((p, state.st_mtime_ns, state.st_size) for p, state in states)


@lru_cache(maxsize=2)
def _application(name: str, weights: str, facts: Facts) -> Source:
    make = getattr(keras.applications, name)
    with seeded_build(0):
        try:
            model = make(include_top=False, weights=weights)
        except ValueError as error:
            raise ValueError(
                f"{weights!r} does not hold the weights of {name} without its "
                f"classifier (include_top=False): {error}"
            ) from error
    module = make.__module__.rpartition(".")[2]
    return Source(Snapshot.of(model), module)


@lru_cache(maxsize=2)
def _file(path: str, facts: Facts) -> Source:
    if not path.endswith(".keras"):
        raise ValueError(
            f"{path!r} is no .keras file; write one by model.save('name.keras')."
        )
    with seeded_build(0):
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    return Source(Snapshot.of(model), None)


@lru_cache(maxsize=2)
def _folder(path: str, facts: Facts) -> Source:
    if not os.path.isfile(os.path.join(path, "config.json")):
        raise ValueError(
            f"the folder {path!r} holds no config.json: it must have the layout of "
            "keras_hub (save_to_preset) or of Hugging Face (save_pretrained)."
        )
    return _preset(path)


def _hub(name: str) -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError(
            f"{name!r} is loaded by keras_hub, which is not installed: "
            "pip install 'skmm[pretrained]'."
        ) from error
    return keras_hub


def _known(name: str) -> str:
    """Accept the name of a preset of keras_hub, which is downloaded, or raise."""
    unknown = ""
    if re.fullmatch(r"[a-z0-9_.]+", name) and not name.endswith((".keras", ".h5")):
        try:
            if name in _hub(name).models.Backbone.presets:
                return name
        except ImportError:
            unknown = " (keras_hub, which knows its presets, is not installed)"
    raise FileNotFoundError(
        f"there is no file or folder {name!r}, and no model of keras.applications or "
        f"preset of keras_hub is called so{unknown}. Nothing was downloaded."
    )


def _preset(name: str) -> Source:
    hub = _hub(name)
    with seeded_build(0):
        model = hub.models.Backbone.from_preset(name, dtype="float32")
    return Source(Snapshot.of(model), _image_scaling(hub, name, model))


def _image_scaling(hub: Any, name: str, model: keras.Model) -> Any:
    """Find how keras_hub scales the images of a model."""
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        return None
    try:
        converter = hub.layers.ImageConverter.from_preset(name)
    except (ValueError, FileNotFoundError):  # saved without one
        return None
    return _plain(converter.scale, 1.0), _plain(converter.offset, 0.0)


def _plain(value: Any, default: float) -> float | tuple[float, ...]:
    """One number, or one for each channel."""
    values = np.ravel(default if value is None else value)
    return float(values[0]) if len(values) == 1 else tuple(map(float, values))
