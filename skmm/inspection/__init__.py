"""See inside a fitted model: what each modality, column, word and pixel contributes."""

from skmm.inspection._attribution_display import AttributionDisplay
from skmm.inspection._attributions import Attributions
from skmm.inspection._calibration_report import calibration_report
from skmm.inspection._contributions import modality_contributions
from skmm.inspection._emap import emap_score
from skmm.inspection._explain import explain
from skmm.inspection._gate_display import FusionGateDisplay, gate_weights
from skmm.inspection._history_display import TrainingHistoryDisplay
from skmm.inspection._importance import modality_importance
from skmm.inspection._importance_display import ModalityImportanceDisplay
from skmm.inspection._model_report import ModelReport, model_report
from skmm.inspection._uncertainty import predict_uncertainty

__all__ = [
    "AttributionDisplay",
    "Attributions",
    "FusionGateDisplay",
    "ModalityImportanceDisplay",
    "ModelReport",
    "TrainingHistoryDisplay",
    "calibration_report",
    "emap_score",
    "explain",
    "gate_weights",
    "modality_contributions",
    "modality_importance",
    "model_report",
    "predict_uncertainty",
]
