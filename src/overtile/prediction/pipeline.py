"""Reading ahead and writing behind, each in one thread, so that the network waits for neither."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Parts = ParamSpec("Parts")

AHEAD = 1
"""Results that are made before they are needed, and that may wait to be written: each costs memory."""


def ahead(function: Callable[[Item], Result], items: Iterable[Item], count: int = AHEAD) -> Iterator[Result]:
    """Give function(item) of every item in order, `count` of them worked out before they are asked for.

    >>> list(ahead(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    pool = ThreadPoolExecutor(1, "overtile-ahead")
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class Behind(Generic[Parts]):
    """Calls a function in a thread, in order; the caller waits only when `count` calls are waiting already.

    An error of the function is raised by the next call, or where the block ends. Once something failed, in the
    function or in the block, calls that have not begun are dropped.

    >>> done = []
    >>> with Behind(done.append) as later:
    ...     later(1)
    ...     later(2)
    >>> done
    [1, 2]
    """

    def __init__(self, function: Callable[Parts, Any], count: int = AHEAD) -> None:
        self._function, self._count = function, count
        self._pool = ThreadPoolExecutor(1, "overtile-behind")
        self._pending: deque[Future[Any]] = deque()

    def __call__(self, *args: Parts.args, **kwargs: Parts.kwargs) -> None:
        """Call the function soon."""
        if len(self._pending) > self._count:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(self._function, *args, **kwargs))

    def __enter__(self) -> "Behind[Parts]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self._pending:
                self._pending.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)
