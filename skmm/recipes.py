"""Well-known networks, each in one line, as configured estimators.

Base networks read one modality; *parallel* ones encode modalities side by side and join
them, *serial* ones let one follow another, *hybrid* ones do both.
"""

from __future__ import annotations

from typing import Any

from skmm.base import BaseNNClassifier
from skmm.encoders.mlp import MLPEncoder
from skmm.fusion.concat import ConcatFusion
from skmm.fusion.graph import GraphFusion
from skmm.multimodal import MultimodalClassifier

__all__ = [
    "article_base_model",
    "article_multimodal_model",
    "cnn",
    "cnn_rnn",
    "cnn_transformer",
    "gcn",
    "graph_network",
    "mlp",
    "multimodal_attention",
    "rnn",
    "siamese",
]


def cnn(**params: Any) -> BaseNNClassifier:
    """Make a convolutional network of one modality: images, spectrograms, series.

    Parameters
    ----------
    **params : dict
        Parameters of `BaseNNClassifier`.

    Returns
    -------
    estimator : BaseNNClassifier

    Examples
    --------
    >>> from skmm.recipes import cnn
    >>> cnn(epochs=5)
    BaseNNClassifier(epochs=5, network='cnn')
    """
    return BaseNNClassifier(**{"network": "cnn", **params})


def rnn(**params: Any) -> BaseNNClassifier:
    """Make a recurrent network of one modality: series.

    Parameters
    ----------
    **params : dict
        Parameters of `BaseNNClassifier`.

    Returns
    -------
    estimator : BaseNNClassifier

    Examples
    --------
    >>> from skmm.recipes import rnn
    >>> rnn()
    BaseNNClassifier(network='rnn')
    """
    return BaseNNClassifier(**{"network": "rnn", **params})


def mlp(**params: Any) -> BaseNNClassifier:
    """Make a network of dense layers of one modality: numbers.

    Parameters
    ----------
    **params : dict
        Parameters of `BaseNNClassifier`.

    Returns
    -------
    estimator : BaseNNClassifier

    Examples
    --------
    >>> from skmm.recipes import mlp
    >>> mlp().get_params()["network"]
    'mlp'
    """
    return BaseNNClassifier(**{"network": "mlp", **params})


def cnn_rnn(**params: Any) -> MultimodalClassifier:
    """Make a parallel fusion: convolutions beside recurrences, joined side by side.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier
        Images are convolved; texts, series and, behind convolutions, sounds are read by
        a GRU.

    Examples
    --------
    >>> from skmm.recipes import cnn_rnn
    >>> cnn_rnn().fusion
    'concat'
    """
    encoders = [("image", "cnn"), ("audio", "crnn")]
    encoders += [("text", "rnn"), ("timeseries", "rnn")]
    return _multimodal(params, encoders=encoders, fusion="concat")


def cnn_transformer(**params: Any) -> MultimodalClassifier:
    """Make a parallel fusion: convolutions beside transformers, joined side by side.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier
        Images are convolved; sounds, texts and series are read by a transformer.

    Examples
    --------
    >>> from skmm.recipes import cnn_transformer
    >>> dict(cnn_transformer().encoders)["text"]
    'transformer'
    """
    read = [(kind, "transformer") for kind in ("audio", "text", "timeseries")]
    return _multimodal(params, encoders=[("image", "cnn"), *read], fusion="concat")


def siamese(**params: Any) -> MultimodalClassifier:
    """Make a serial fusion: all modalities through one projector, and compared.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier

    Examples
    --------
    >>> from skmm.recipes import siamese
    >>> siamese().fusion
    'siamese'
    """
    return _multimodal(params, fusion="siamese")


def graph_network(**params: Any) -> MultimodalClassifier:
    """Make a serial fusion: messages along the chain of modalities.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier

    Examples
    --------
    >>> from skmm.recipes import graph_network
    >>> graph_network().fusion
    'chain_graph'
    """
    return _multimodal(params, fusion="chain_graph")


def multimodal_attention(**params: Any) -> MultimodalClassifier:
    """Make a hybrid fusion: words, steps and patches attend to those of the others.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier
        Texts are read by a GRU, so that they have words to look at.

    Examples
    --------
    >>> from skmm.recipes import multimodal_attention
    >>> multimodal_attention().fusion
    'attention'
    """
    return _multimodal(params, encoders=[("text", "rnn")], fusion="attention")


def gcn(**params: Any) -> MultimodalClassifier:
    """Make a hybrid fusion: a graph convolution over all modalities.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier

    Examples
    --------
    >>> from skmm.recipes import gcn
    >>> gcn().fusion
    GraphFusion(layer='gcn')
    """
    return _multimodal(params, fusion=GraphFusion(layer="gcn"))


def article_base_model(**params: Any) -> BaseNNClassifier:
    """Make the base model of the article: dense layers over one array.

    Parameters
    ----------
    **params : dict
        Parameters of `BaseNNClassifier`.

    Returns
    -------
    estimator : BaseNNClassifier
        A hidden layer of 64 units, an embedding of 64, and a softmax, trained by Adam
        without dropout, weight decay or early stopping. As everywhere in skmm, the
        embedding is normalised, and gradients are clipped to a norm of 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skmm.recipes import article_base_model
    >>> X = np.random.default_rng(0).normal(size=(100, 10))
    >>> model = article_base_model(epochs=30, random_state=0).fit(X, X[:, 0] > 0)
    >>> model.predict(X[:2]).shape
    (2,)
    """
    return BaseNNClassifier(**{"network": _dense(), **_plain(), **params})


def article_multimodal_model(**params: Any) -> MultimodalClassifier:
    """Make the multimodal model of the article: dense layers over two arrays.

    As printed it is one chain of layers, which has one input and cannot be given two.
    Here each array has layers of its own, which are joined: ``fit([x1, x2], y)``.

    Parameters
    ----------
    **params : dict
        Parameters of `MultimodalClassifier`.

    Returns
    -------
    estimator : MultimodalClassifier
        One network, trained by Adam on the fused loss alone, otherwise as
        `article_base_model`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmm.recipes import article_multimodal_model
    >>> x1, x2 = np.random.default_rng(0).normal(size=(2, 100, 10))
    >>> model = article_multimodal_model(epochs=30, random_state=0)
    >>> model.fit([x1, x2], x1[:, 0] + x2[:, 0] > 0).predict([x1[:2], x2[:2]]).shape
    (2,)
    """
    alone = {"ensemble_size": 1, "aux_weight": 0.0}
    alone |= {"modality_dropout": 0.0, "modality_swap": 0.0}
    return _multimodal(
        params,
        encoders=[("vector", _dense())],
        fusion=ConcatFusion(dropout=0.0),
        **_plain(),
        **alone,
    )


def _multimodal(params: dict[str, Any], **settings: Any) -> MultimodalClassifier:
    return MultimodalClassifier(**{**settings, **params})


def _dense() -> MLPEncoder:
    return MLPEncoder(units=64, hidden_units=(64,), dropout=0.0, n_frequencies=0)


def _plain() -> dict[str, Any]:
    """Train as Keras does by itself."""
    return {
        "optimizer": "adam",
        "learning_rate": 0.001,
        "weight_decay": 0.0,
        "schedule": "constant",
        "early_stopping": False,
    }
