"""What a file may name without being trusted further, and why not the rest.

The one list. A name is that of the module which defines a class or a function, and its
own. What stands here does nothing when it is built but take its state, and predicts
with what checks its own bounds; so more of scikit-learn is missing than skops leaves
out: compiled trees, nearest neighbours, clusters, kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

__all__ = ["checked_names", "known_names", "reason"]

SKMM = {
    "skmm._targets": "ClassTarget NumberTarget",
    "skmm.base": "BaseNNClassifier BaseNNRegressor",
    "skmm.diversity._diverse": "DiverseEnsembleClassifier DiverseEnsembleRegressor",
    "skmm.diversity._ensemble": "GreedyEnsembleClassifier GreedyEnsembleRegressor",
    "skmm.encoders.cnn": "CNNEncoder",
    "skmm.encoders.crnn": "CRNNEncoder",
    "skmm.encoders.embedding_bag": "EmbeddingBagEncoder",
    "skmm.encoders.mlp": "MLPEncoder",
    "skmm.encoders.patch_mixer": "PatchMixerEncoder",
    "skmm.encoders.resnet": "ResNetEncoder",
    "skmm.encoders.rnn": "RNNEncoder",
    "skmm.encoders.series": "SeriesEncoder",
    "skmm.encoders.text_cnn": "TextCNNEncoder",
    "skmm.encoders.transformer": "TransformerEncoder",
    "skmm.frame": "ModalitySpec",
    "skmm.fusion.attention": "AttentionFusion",
    "skmm.fusion.bilinear": "BilinearFusion",
    "skmm.fusion.bottleneck": "BottleneckFusion",
    "skmm.fusion.chain_graph": "ChainGraphFusion",
    "skmm.fusion.concat": "ConcatFusion",
    "skmm.fusion.film": "FiLMFusion",
    "skmm.fusion.gated": "GatedFusion",
    "skmm.fusion.graph": "GraphFusion",
    "skmm.fusion.late": "LateFusion",
    "skmm.fusion.late_plus_joint": "LatePlusJointFusion",
    "skmm.fusion.low_rank": "LowRankFusion",
    "skmm.fusion.max": "MaxFusion",
    "skmm.fusion.mean": "MeanFusion",
    "skmm.fusion.mixture_of_experts": "MixtureOfExpertsFusion",
    "skmm.fusion.product_of_experts": "ProductOfExpertsFusion",
    "skmm.fusion.siamese": "SiameseFusion",
    "skmm.fusion.tensor": "TensorFusion",
    "skmm.modalities._wrapped": "TransformerModality",
    "skmm.modalities.audio": "AudioModality",
    "skmm.modalities.image": "ImageModality",
    "skmm.modalities.minirocket": "MiniRocketModality",
    "skmm.modalities.tabular": "TabularModality",
    "skmm.modalities.text": "TextModality",
    "skmm.modalities.tfidf": "TfidfModality",
    "skmm.modalities.timeseries": "TimeSeriesModality",
    "skmm.modalities.vector": "VectorModality",
    "skmm.multimodal": "MultimodalClassifier MultimodalRegressor",
    "skmm.transformer": "ModalityTransformer",
}

SKLEARN = {
    "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier "
    "_SigmoidCalibration _TemperatureScaling",
    "sklearn.compose._column_transformer": "ColumnTransformer make_column_selector",
    "sklearn.compose._target": "TransformedTargetRegressor",
    "sklearn.decomposition._incremental_pca": "IncrementalPCA",
    "sklearn.decomposition._pca": "PCA",
    "sklearn.decomposition._truncated_svd": "TruncatedSVD",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis "
    "QuadraticDiscriminantAnalysis",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble._bagging": "BaggingClassifier BaggingRegressor",
    "sklearn.ensemble._stacking": "StackingClassifier StackingRegressor",
    "sklearn.ensemble._voting": "VotingClassifier VotingRegressor",
    "sklearn.ensemble._weight_boosting": "AdaBoostClassifier AdaBoostRegressor",
    "sklearn.feature_extraction._dict_vectorizer": "DictVectorizer",
    "sklearn.feature_extraction._hash": "FeatureHasher",
    "sklearn.feature_extraction.text": "CountVectorizer HashingVectorizer "
    "TfidfTransformer TfidfVectorizer",
    "sklearn.feature_selection._from_model": "SelectFromModel",
    "sklearn.feature_selection._rfe": "RFE RFECV",
    "sklearn.feature_selection._sequential": "SequentialFeatureSelector",
    "sklearn.feature_selection._univariate_selection": "GenericUnivariateSelect "
    "SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile",
    "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
    "sklearn.frozen._frozen": "FrozenEstimator",
    "sklearn.impute._base": "MissingIndicator SimpleImputer",
    "sklearn.isotonic": "IsotonicRegression",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._bayes": "ARDRegression BayesianRidge",
    "sklearn.linear_model._coordinate_descent": "ElasticNet ElasticNetCV Lasso "
    "LassoCV MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV",
    "sklearn.linear_model._huber": "HuberRegressor",
    "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "sklearn.linear_model._quantile": "QuantileRegressor",
    "sklearn.linear_model._ridge": "Ridge RidgeCV RidgeClassifier RidgeClassifierCV",
    "sklearn.linear_model._stochastic_gradient": "SGDClassifier SGDRegressor",
    "sklearn.linear_model._theil_sen": "TheilSenRegressor",
    "sklearn.metrics._scorer": "_CurveScorer _MultimetricScorer _PassthroughScorer "
    "_Scorer",
    "sklearn.model_selection._classification_threshold": "FixedThresholdClassifier "
    "TunedThresholdClassifierCV",
    "sklearn.model_selection._search": "GridSearchCV ParameterGrid ParameterSampler "
    "RandomizedSearchCV",
    "sklearn.model_selection._search_successive_halving": "HalvingGridSearchCV "
    "HalvingRandomSearchCV",
    "sklearn.model_selection._split": "GroupKFold GroupShuffleSplit KFold "
    "LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit "
    "RepeatedKFold RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold "
    "StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper",
    "sklearn.multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier",
    "sklearn.multioutput": "ClassifierChain MultiOutputClassifier "
    "MultiOutputRegressor RegressorChain",
    "sklearn.naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB "
    "MultinomialNB",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing._data": "Binarizer KernelCenterer MaxAbsScaler "
    "MinMaxScaler Normalizer PowerTransformer QuantileTransformer RobustScaler "
    "StandardScaler",
    "sklearn.preprocessing._discretization": "KBinsDiscretizer",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder MultiLabelBinarizer",
    "sklearn.preprocessing._polynomial": "PolynomialFeatures",
    "sklearn.preprocessing._target_encoder": "TargetEncoder",
    "sklearn.random_projection": "GaussianRandomProjection",
    "sklearn.semi_supervised._self_training": "SelfTrainingClassifier",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
}

# What scorers and selectors of features call: they take arrays and return numbers.
MEASURES = {
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression "
    "r_regression",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score "
    "brier_score_loss cohen_kappa_score d2_brier_score d2_log_loss_score f1_score "
    "fbeta_score hamming_loss jaccard_score log_loss matthews_corrcoef precision_score "
    "recall_score zero_one_loss",
    "sklearn.metrics._ranking": "average_precision_score ndcg_score roc_auc_score "
    "top_k_accuracy_score",
    "sklearn.metrics._regression": "d2_absolute_error_score d2_pinball_score "
    "d2_tweedie_score explained_variance_score max_error mean_absolute_error "
    "mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss "
    "mean_poisson_deviance mean_squared_error mean_squared_log_error "
    "mean_tweedie_deviance median_absolute_error r2_score root_mean_squared_error "
    "root_mean_squared_log_error",
    "sklearn.metrics._scorer": "negative_likelihood_ratio positive_likelihood_ratio",
    "sklearn.metrics.cluster._supervised": "adjusted_mutual_info_score "
    "adjusted_rand_score completeness_score fowlkes_mallows_score homogeneity_score "
    "mutual_info_score normalized_mutual_info_score rand_score v_measure_score",
}

# What makes one number of another; with them all of NumPy's ufuncs.
OF_NUMBERS = {
    "scipy.special": "boxcox boxcox1p cbrt erf erfc erfcinv erfinv exp10 exp2 expit "
    "expm1 gammaln inv_boxcox inv_boxcox1p log1p log_expit log_ndtr logit ndtr ndtri",
}

NUMBERS = {
    "numpy": "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 "
    "float32 float64 complex64 complex128 str_ bytes_ datetime64 timedelta64",
}
PLAIN_TYPES = {
    "builtins": "bool dict float int list object set str tuple",
    "numpy": "floating generic integer number object_ signedinteger unsignedinteger",
}

# Why a file needs the user's word for a name that begins so.
REASONS = {
    "skmm.encoders._snapshot.": "Keras builds the layers that the file describes",
    "skmm.encoders.pretrained.": "it loads or downloads the model that the file names",
    "sklearn.tree.": "compiled code follows its indices unchecked",
    "sklearn.ensemble._hist": "compiled code follows its indices unchecked",
    "scipy.stats.": "scipy runs code that it holds; give param_distributions lists of "
    "values",
}


def _names(*tables: dict[str, str]) -> frozenset[str]:
    return frozenset(
        f"{module}.{name}"
        for table in tables
        for module, names in table.items()
        for name in names.split()
    )


@cache
def known_names() -> dict[str, frozenset[str]]:
    """List what a file may name, by the way in which skops builds it.

    Returns
    -------
    names : dict of str to frozenset of str
        Names for each loader of skops that is read; none for those that need the
        user's word for every name. Other loaders are not read at all.
    """
    numbers = _names(NUMBERS)
    ufuncs = {f"numpy.{k}" for k, v in vars(np).items() if isinstance(v, np.ufunc)}
    return {
        "BytesNode": frozenset({"builtins.bytes"}),
        "ConstructorFromReduceNode": frozenset(),
        "DTypeNode": frozenset({"numpy.dtype"}),
        "DictNode": frozenset(
            {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}
        ),
        "FunctionNode": frozenset(ufuncs) | _names(OF_NUMBERS, MEASURES),
        "JsonNode": frozenset({"builtins.str"}),
        "ListNode": frozenset({"builtins.list"}),
        "LossNode": frozenset(),
        "MaskedArrayNode": frozenset(
            {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"}
        ),
        "MethodNode": frozenset(),
        "NdArrayNode": numbers | {"numpy.ndarray"},
        "ObjectNode": _names(SKMM, SKLEARN),
        "PartialNode": frozenset(),
        "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
        "SetNode": frozenset({"builtins.set"}),
        "SliceNode": frozenset({"builtins.slice"}),
        "TreeNode": frozenset(),
        "TupleNode": frozenset({"builtins.tuple"}),
        "TypeNode": numbers | _names(PLAIN_TYPES),
    }


def reason(name: str) -> str | None:
    """Say why a name needs the user's word, where that is not plain.

    Parameters
    ----------
    name : str
        Module and name of a class or a function.

    Returns
    -------
    reason : str or None
    """
    return next((why for start, why in REASONS.items() if name.startswith(start)), None)


def checked_names(trusted: Sequence[str | Any]) -> frozenset[str]:
    """Name what a user trusts.

    Parameters
    ----------
    trusted : sequence of str, type or function
        What the user gave.

    Returns
    -------
    names : frozenset of str

    Raises
    ------
    TypeError
        If it is no sequence of names, classes and functions.
    """
    if isinstance(trusted, (str, bool)) or not hasattr(trusted, "__iter__"):
        raise TypeError(
            f"trusted must be a list of names, classes and functions, got {trusted!r}."
        )
    return frozenset(map(_name_of, trusted))


def _name_of(trusted: Any) -> str:
    if isinstance(trusted, str):
        return trusted
    if hasattr(trusted, "__module__") and hasattr(trusted, "__name__"):
        return f"{trusted.__module__}.{trusted.__name__}"
    raise TypeError(f"trusted must hold names, classes and functions, got {trusted!r}.")
