"""Models in files that can be loaded without running what they hold.

`save` writes a fitted estimator, pipeline, search or ensemble, whole or not at all;
`load` reads it. Neither uses pickle.
"""

from skmm.persistence._load import load
from skmm.persistence._save import save

__all__ = ["load", "save"]
