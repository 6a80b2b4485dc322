"""What every function of `skmm.datasets` returns."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils import Bunch


def as_bunch(
    data: pd.DataFrame,
    target: pd.Series,
    *,
    return_X_y: bool,
    as_frame: bool,
    **extra: Any,
) -> Any:
    """Return data and target as frames or arrays, in a `Bunch` or as a pair."""
    frame = pd.concat([data, target], axis=1) if as_frame else None
    X = data if as_frame else data.to_numpy(dtype=object)
    y = target if as_frame else target.to_numpy()
    if return_X_y:
        return X, y
    return Bunch(
        data=X, target=y, frame=frame, feature_names=list(data.columns), **extra
    )
