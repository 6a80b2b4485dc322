"""Training and prediction of networks, behind `train` and `predict`.

Must not import pandas, and sees neither estimators nor dataframes: arrays and a
network go in, weights and a history come out.
"""

from skmm.training._loop import Data, History, Recipe, evaluate, train
from skmm.training._losses import Loss
from skmm.training._optimizers import make_optimizer
from skmm.training._pool import clear_pool, program, program_key
from skmm.training._program import Program, predict

__all__ = [
    "Data",
    "History",
    "Loss",
    "Program",
    "Recipe",
    "clear_pool",
    "evaluate",
    "make_optimizer",
    "predict",
    "program",
    "program_key",
    "train",
]
