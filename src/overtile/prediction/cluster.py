"""Many processes, on one machine or on many, with Dask. The only file that knows Dask."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from os import cpu_count
from typing import Any, TypeVar

from overtile.core.errors import OptionError, PredictionError

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES = 3
"""How often a task is given to another worker when its own dies or fails."""


@dataclass(frozen=True)
class Workers:
    """Who works.

    Attributes:
        count: processes to start on this machine; 0 for a cluster that runs already.
        address: of the scheduler of that cluster, such as tcp://10.0.0.1:8786.

    Raises:
        OptionError: neither or both are given, or Dask is not installed.
    """

    count: int = 0
    address: str = ""

    def __post_init__(self) -> None:
        if (self.count > 0) == bool(self.address):
            raise OptionError("give either a number of workers to start here, or the address of a Dask scheduler")
        if find_spec("distributed") is None:
            raise OptionError('Dask is not installed: pip install "overtile[cluster]"')


def spread(function: Callable[[Item], Result], items: Sequence[Item], workers: Workers) -> Iterator[Result]:
    """Give function(item) of every item as they become ready; a worker that dies loses nothing but time.

    Args:
        function: one that the workers can import; it may be called again for an item whose worker died.
        items: what Dask can send.
        workers: who works.

    Raises:
        PredictionError: the cluster is not there, or an item failed again and again.
    """
    from distributed import as_completed

    with _client(workers) as client:
        futures = client.map(function, items, retries=RETRIES, pure=False)
        try:
            for _, result in as_completed(futures, with_results=True):
                yield result
        except Exception as error:
            client.cancel(futures)
            raise PredictionError(
                f"a worker failed {RETRIES + 1} times: {type(error).__name__}: {error}. What was finished is kept; repeat the "
                "command to go on"
            ) from error


@contextmanager
def _client(workers: Workers) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    if workers.address:
        try:
            client = Client(workers.address, timeout="20s")
        except (OSError, ValueError) as error:
            raise PredictionError(
                f"no Dask scheduler answers at {workers.address}: {error}. Check the address"
            ) from error
        with client:
            yield client
        return
    cores = {"OMP_NUM_THREADS": str(max((cpu_count() or 1) // workers.count, 1))}  # each worker has a share of them
    with (
        LocalCluster(
            n_workers=workers.count, threads_per_worker=1, dashboard_address=None, memory_limit=None, env=cores
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
