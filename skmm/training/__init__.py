"""Training and prediction of networks, behind `train` and `predict`.

Must not import pandas, and sees neither estimators nor dataframes: arrays and a
network go in, weights and a history come out.
"""

from skmm.training._data import Data, evaluate
from skmm.training._distribution import Workers, outside_scope, workers
from skmm.training._divergence import check_weights
from skmm.training._engine import Engine, choose_engine
from skmm.training._forward import chunks, predict
from skmm.training._interrupt import Interrupt
from skmm.training._loop import train
from skmm.training._losses import Loss
from skmm.training._optimizers import make_optimizer
from skmm.training._pool import clear_pool, network_key, program, program_key
from skmm.training._program import Program
from skmm.training._progress import History
from skmm.training._recipe import Recipe
from skmm.training._stage import Stage, read_about
from skmm.training._stored import Rows, Store, StoredData

__all__ = [
    "Data",
    "Engine",
    "History",
    "Interrupt",
    "Loss",
    "Program",
    "Recipe",
    "Rows",
    "Stage",
    "Store",
    "StoredData",
    "Workers",
    "check_weights",
    "choose_engine",
    "chunks",
    "clear_pool",
    "evaluate",
    "make_optimizer",
    "network_key",
    "outside_scope",
    "predict",
    "program",
    "program_key",
    "read_about",
    "train",
    "workers",
]
