"""Making what went wrong short: as few parts as still go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")


async def shrunk(
    parts: Sequence[T], fails: Callable[[Sequence[T]], Awaitable[bool]], most: int = 400
) -> Sequence[T]:
    """Return a part of what fails that fails still, and of which nothing can be left out.

    Halves, quarters and so on are left out as long as that goes on failing, in `most` tries.
    """
    size = max(len(parts) // 2, 1)
    while parts and most > 0:
        at, found = 0, False
        while at < len(parts) and most > 0:
            fewer = [*parts[:at], *parts[at + size :]]
            most -= 1
            if await fails(fewer):
                parts, found = fewer, True
            else:
                at += size
        if size == 1 and not found:
            break
        if not found or size > len(parts):
            size = max(size // 2, 1)
    return parts
