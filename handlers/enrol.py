"""Enrolling people whose consent was given elsewhere: the act behind `members import`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from handlers.dialog.text import fold
from storage import addresses, audit, barred, consents, members, organisations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.dialog.turn import Alliance
    from storage.database import Tx
    from storage.organisations import Organisation

# What a number turns out to be; all but "new" are left as they are. "no" and "erased" are
# people who refused to join, and who had themselves forgotten.
Standing = Literal["new", "existing", "stopped", "no", "erased"]

CONSENT = "import"


@dataclass(frozen=True, slots=True)
class Line:
    """One person to enrol, every value checked. `phone` is E.164; "" where nothing was said."""

    phone: str
    name: str
    platform_id: int | None
    type: str
    organisation: str
    language: str


@dataclass(slots=True)
class Enrolled:
    """How many numbers were what."""

    counts: dict[Standing, int] = field(
        default_factory=lambda: {"new": 0, "existing": 0, "stopped": 0, "no": 0, "erased": 0}
    )

    def add(self, other: Enrolled) -> None:
        """Count others too."""
        for standing, count in other.counts.items():
            self.counts[standing] += count


async def standing(tx: Tx, alliance: Alliance, channels: Sequence[str], phone: str) -> Standing:
    """Tell what a number is to us, on whichever of these channels."""
    known = False
    for channel in channels:
        reason = await barred.reason(tx, alliance.keyed(channel, phone))
        if reason is not None:
            return reason
        sender = await addresses.sender(tx, channel, phone)
        if sender is None:
            continue
        if sender.stopped_at or sender.address_stopped_at or sender.address_state == "carrier":
            return "stopped"
        known = known or bool(sender.member_id)
    return "existing" if known else "new"


async def survey(
    tx: Tx, alliance: Alliance, channels: Sequence[str], lines: Sequence[Line]
) -> Enrolled:
    """Count what `enrol` would do with these lines."""
    found = Enrolled()
    for line in lines:
        found.counts[await standing(tx, alliance, channels, line.phone)] += 1
    return found


async def enrol(
    tx: Tx,
    alliance: Alliance,
    channels: Sequence[str],
    lines: Sequence[Line],
    *,
    how: str,
    given_on: str,
    by: int | None,
    now: int,
) -> Enrolled:
    """Make members of new numbers, on the first of the channels; leave all others alone.

    `how` and `given_on` (an ISO day) say how consent was given, and are kept with it. The
    first message to each will say who we are.
    """
    found = Enrolled()
    bodies: dict[str, Organisation] = {}
    for line in lines:
        what = await standing(tx, alliance, channels, line.phone)
        found.counts[what] += 1
        if what == "new":
            body = await _organisation(tx, alliance, line, bodies, now)
            member_id = await _add(tx, alliance, channels[0], line, body, now)
            await consents.add(
                tx, member_id, version=CONSENT, language=line.language, how=how,
                given_on=given_on, by=by, now=now,
            )  # fmt: skip
    await audit.add(tx, "enrol", "member", 0, now, by=by, count=found.counts["new"])
    return found


async def _organisation(
    tx: Tx, alliance: Alliance, line: Line, bodies: dict[str, Organisation], now: int
) -> Organisation | None:
    """Return the organisation of a name, added if there is none of it."""
    key = fold(line.organisation)
    if key and key not in bodies:
        bodies[key] = await organisations.add(
            tx, line.organisation, key, line.type, _sector(alliance, line.type), now
        )
    return bodies.get(key)


def _sector(alliance: Alliance, type_: str) -> str:
    return next((entry.sector for entry in alliance.types if entry.code == type_), "")


async def _add(
    tx: Tx, alliance: Alliance, channel: str, line: Line, body: Organisation | None, now: int
) -> int:
    sector = _sector(alliance, line.type)
    member_id = await members.add_whole(
        tx,
        alias="",
        name=line.name,
        platform_id=line.platform_id,
        type_=line.type,
        sector=(body.sector if body else "") or sector,
        organisation_id=body.id if body else None,
        language=line.language,
        now=now,
    )
    await members.put(tx, member_id, "alias", f"M{member_id}")
    address_id = await addresses.add(tx, channel, line.phone, now)
    await addresses.link(tx, member_id, address_id, now)
    return member_id
