"""A unit of work that waits for its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from storage.database import Tx


class Job:
    """A unit and its caller's future. `settled`: nothing changes its end any more.

    `abreast` says that it may run in step with others.
    """

    __slots__ = ("abreast", "error", "future", "result", "settled", "topics", "unit")

    def __init__(
        self,
        unit: Callable[[Tx], Awaitable[Any]],
        future: asyncio.Future[Any],
        *,
        abreast: bool = False,
    ) -> None:
        self.unit = unit
        self.abreast = abreast
        self.future = future
        self.settled = False
        self.forget()

    def forget(self) -> None:
        """Start anew: nothing of an earlier try counts."""
        self.result: Any = None
        self.error: BaseException | None = None
        self.topics: set[str] = set()

    def refuse(self, error: BaseException) -> None:
        """Settle it by an error, unless it is settled."""
        if not self.settled:
            self.forget()
            self.error, self.settled = error, True

    def resume(self) -> None:
        """Tell its caller how it ended."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
