"""A Dask client whose data outlive the workers that hold them.

Must not import Keras.
"""

from __future__ import annotations

import pickle
from typing import Any

try:
    import cloudpickle
    import dask.config
    import distributed
except ImportError as error:
    raise ImportError("skmm.dask needs Dask: pip install 'skmm[dask]'.") from error

__all__ = ["Client"]

MOST = "1PB"  # that may be sent without a warning to scatter it, which is done here


class Client(distributed.Client):
    """Connect to a Dask cluster as `distributed.Client` does, and lose no data.

    Data that joblib scatters for a search are lost with the worker that holds them, and
    then the search is. Here the scheduler has them, pickled, until nobody asks for them
    any more: when a worker dies, another one takes them from there.

    Parameters
    ----------
    *args, **kwargs
        What `distributed.Client` takes.

    See Also
    --------
    distributed.Client : The same without a copy at the scheduler.

    Examples
    --------
    >>> import joblib
    >>> from skmm.dask import Client
    >>> with Client("scheduler:8786"), joblib.parallel_config("dask"):  # doctest: +SKIP
    ...     search.fit(X, y)
    """

    def scatter(
        self,
        data: Any,
        workers: Any = None,
        *args: Any,
        asynchronous: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Hand data to one worker, and from there to each that needs them.

        Parameters
        ----------
        data : list, tuple or object
            What to hand out. A dict or a set is scattered as `distributed.Client` does.
        workers : str, list of str or None, default=None
            Addresses of workers that get the data first; None is any.
        *args, **kwargs
            Not used: there is no need to broadcast what no worker's death can lose.
        asynchronous : bool or None, default=None
            Whether to return a coroutine; None is what the client was made for.

        Returns
        -------
        futures : Future, or list or tuple of Future
        """
        if type(data) in (dict, set, frozenset):
            kwargs["asynchronous"] = asynchronous
            return super().scatter(data, workers, *args, **kwargs)
        return self.sync(self._keep, data, workers, asynchronous=asynchronous)

    async def _keep(self, data: Any, workers: Any) -> Any:
        """Submit tasks that make the data, and do so again when it is lost."""
        several = type(data) in (list, tuple)
        where = {"workers": workers, "allow_other_workers": workers is not None}
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": MOST}):
            futures = [
                self.submit(pickle.loads, cloudpickle.dumps(x), pure=False, **where)
                for x in (data if several else [data])
            ]
        return type(data)(futures) if several else futures[0]
