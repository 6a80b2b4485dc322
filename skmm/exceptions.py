"""Errors and warnings of skmm; each message says what to do next."""

__all__ = [
    "CellError",
    "CellTypeError",
    "CheckpointError",
    "CheckpointWarning",
    "DivergenceError",
    "FusionWarning",
    "MissingModalityWarning",
    "ModalityError",
    "PersistenceError",
]


class ModalityError(ValueError):
    """A modality, its columns or its data are not what was declared."""


class CellError(ModalityError):
    """One cell of a dataframe could not be read.

    Parameters
    ----------
    message : str
        What arrived and what to do.
    column : object, default=None
        Name of the column.
    row : int, default=-1
        Position of the row, counted from 0.
    """

    def __init__(self, message: str, *, column: object = None, row: int = -1):
        super().__init__(message, column, row)
        self.message = message
        self.column = column
        self.row = row

    def __str__(self) -> str:
        return f"column {self.column!r}, row {self.row}: {self.message}"

    def __reduce__(self):
        return _cell_error, (type(self), self.message, self.column, self.row)


def _cell_error(kind: type[CellError], message: str, column: object, row: int):
    return kind(message, column=column, row=row)


class CellTypeError(CellError, TypeError):
    """One cell of a dataframe is of a type that its modality cannot hold.

    Parameters
    ----------
    message : str
        What arrived and what to do.
    column : object, default=None
        Name of the column.
    row : int, default=-1
        Position of the row, counted from 0.
    """


class PersistenceError(ValueError):
    """A model cannot be saved, or a file is not one that `skmm.load` takes."""


class MissingModalityWarning(UserWarning):
    """A modality was marked absent as it could not be read, or rows have none."""


class FusionWarning(UserWarning):
    """All modalities together predict worse than one of them alone."""


class CheckpointError(RuntimeError):
    """A folder for checkpoints cannot be used, or a file there is not of this fit."""


class CheckpointWarning(UserWarning):
    """How far a fit has come could not be written; it goes on in memory."""


class DivergenceError(ValueError):
    """A loss is NaN or infinite; the message says when, why, and what to do."""
