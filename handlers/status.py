"""STATUS: what became of a broadcast, by recipient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import batches, outbox, releasing, rounds
from storage.errors import NotFound

if TYPE_CHECKING:
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class Standing:
    """A broadcast: recipients by status; `held` is (reason, people, earliest instant in ms)."""

    number: int
    state: str
    recipients: int
    by_status: dict[str, int]
    held: tuple[tuple[str, int, int], ...]


async def status(tx: Tx, name: str) -> Standing:
    """Return how a broadcast stands, by its number or a poll's code. Raises NotFound."""
    if name.isascii() and name.isdigit():
        batch = await batches.by_id(tx, int(name))
    else:
        round_ = await rounds.by_code(tx, name)
        found = await batches.of_round(tx, round_.id)
        if found is None:
            raise NotFound(f"{round_.code} was never sent to many")
        batch = found
    return Standing(
        number=batch.id,
        state="held by a restore" if releasing.is_held(batch) else batch.state,
        recipients=batch.recipients,
        by_status=await outbox.by_status(tx, batch.id),
        held=tuple((row[0], row[1], row[2]) for row in await outbox.held(tx, batch.id)),
    )
