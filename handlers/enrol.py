"""Enrolling people whose consent was given elsewhere: ENROL by a helper, and `members import`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from handlers.dialog import authority, confirming, enrolling, late
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.text import fold
from handlers.dialog.turn import command
from storage import addresses, audit, barred, consents, members, organisations, outbox
from storage.instant import DAY, local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.dialog.turn import Alliance, Turn
    from storage.database import Tx
    from storage.organisations import Organisation

# What a number turns out to be; all but "new" are left as they are. "no" and "erased" are
# people who refused to join, and who had themselves forgotten.
Standing = Literal["new", "existing", "stopped", "no", "erased"]

CONSENT = "import"
PROXY = "proxy"

# So many people one helper signs up in a day.
MOST_A_DAY = 20
LONGEST_NAME = 30
LASTS = 2 * DAY

HOW = msg(
    "To sign somebody up read them the text that follows. If they agree send ENROL, their number"
    " and if you like a name, for example: ENROL 0241234567 Ama"
)
PREVIEW = msg(
    "You say that the owner of ...{digits} is {age} or over, heard the text that ENROL alone"
    " shows, and agreed to it. To sign them up reply {key}, else NO.",
    digits="567", age="18", key="0000",
)  # fmt: skip
ENROLLED = msg("...{digits} takes part now. We tell them that you signed them up.", digits="567")
IS_MEMBER = msg("...{digits} takes part already. Nothing was changed.", digits="567")
LEFT_ALONE = msg(
    "...{digits} asked us not to write. Only they can change that: by START or JOIN from that"
    " phone.",
    digits="567",
)
TOO_MANY = msg("You have signed up {most} people today. Go on tomorrow.", most="20")
NO_NUMBERS = msg("We write to no phone numbers here, so nobody can be signed up by theirs.")
WELCOME = msg(
    "This is {alliance}. {helper} signed you up, as you agreed. We share news and ask"
    " questions. Sending us SMS costs your usual rate. HELP explains, STOP ends it.",
    alliance=ALLIANCE, helper="N" * 30,
)  # fmt: skip


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
    """How many numbers were what, and the ids of who is new."""

    counts: dict[Standing, int] = field(
        default_factory=lambda: {"new": 0, "existing": 0, "stopped": 0, "no": 0, "erased": 0}
    )
    members: list[int] = field(default_factory=list)

    def add(self, other: Enrolled) -> None:
        """Count others too."""
        for standing, count in other.counts.items():
            self.counts[standing] += count
        self.members += other.members


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
    version: str = CONSENT,
) -> Enrolled:
    """Make members of new numbers, on the first of the channels; leave all others alone.

    `how` and `given_on` (an ISO day) say how consent was given, and are kept with its
    `version`. The first message to each will say who we are.
    """
    found = Enrolled()
    bodies: dict[str, Organisation] = {}
    for line in lines:
        what = await standing(tx, alliance, channels, line.phone)
        found.counts[what] += 1
        if what == "new":
            body = await _organisation(tx, alliance, line, bodies, now)
            member_id = await _add(tx, alliance, channels[0], line, body, now)
            found.members.append(member_id)
            await consents.add(
                tx, member_id, version=version, language=line.language, how=how,
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


@command("ENROL", "role")
async def enrolling_one(turn: Turn, rest: str) -> None:
    """Show whom a helper is about to sign up, and let it wait to be confirmed."""
    if not await _may(turn):
        return
    # Of the person named nothing is kept before they are signed up, nor with the helper's words.
    await late.forget(turn)
    typed, name = enrolling.part(rest)
    if not typed:
        turn.say(HOW)
        turn.reply(enrolling.consent_text(turn.alliance, turn.language))
        return
    phone = _read(turn, typed)
    if phone is None or not await _is_new(turn, phone):
        return
    kept = json.dumps({"phone": phone, "name": name[:LONGEST_NAME]}, ensure_ascii=False)
    key, buttons = await confirming.ask(turn, "enrol", kept)
    turn.say(PREVIEW, buttons, digits=phone[-3:], age=turn.alliance.adult_age, key=key)


@confirming.act("enrol")
async def enrolled(turn: Turn, body: str) -> None:
    """Sign up whom the helper spoke with, and tell them who did."""
    kept = json.loads(body)
    phone, sender, alliance = kept["phone"], turn.sender, turn.alliance
    if not await _may(turn):
        return
    for channel in enrolling.channels(turn):  # nor does that person join by themselves meanwhile
        await turn.tx.lock("phone", alliance.keyed(channel, phone))
    if not await _is_new(turn, phone):
        return
    line = Line(phone, kept["name"], await enrolling.place(turn), "", "", turn.language)
    found = await enrol(
        turn.tx, alliance, enrolling.channels(turn), [line], how=PROXY, by=sender.member_id,
        now=turn.now, given_on=local(turn.now, alliance.zone).date().isoformat(),
        version=enrolling.version(alliance, turn.language),
    )  # fmt: skip
    await _welcome(turn, found.members[0])
    turn.say(ENROLLED, digits=phone[-3:])


async def _may(turn: Turn) -> bool:
    """Tell whether the sender may sign somebody up now; they are told where not."""
    if await enrolling.place(turn) is None:
        turn.say(authority.NOT_YOURS, alliance=turn.alliance.name)
        return False
    today = await audit.counted(turn.tx, "enrol", turn.sender.member_id, turn.now - DAY)
    if today >= MOST_A_DAY:
        turn.say(TOO_MANY, most=MOST_A_DAY)
        return False
    return True


def _read(turn: Turn, typed: str) -> str | None:
    """Return a number in E.164; None, and told so, where none is written to. Raises BadNumber."""
    if turn.numbers is None:
        turn.say(NO_NUMBERS)
        return None
    return turn.numbers.read(typed)


async def _is_new(turn: Turn, phone: str) -> bool:
    """Tell whether nothing is known of a number; the helper is told where something is."""
    what = await standing(turn.tx, turn.alliance, enrolling.channels(turn), phone)
    if what != "new":
        turn.say(IS_MEMBER if what == "existing" else LEFT_ALONE, digits=phone[-3:])
    return what == "new"


async def _welcome(turn: Turn, member_id: int) -> None:
    """Tell who was signed up by whom; until it has left anything else introduces us first."""
    [(address_id, channel, _)] = await addresses.of(turn.tx, member_id)
    said = WELCOME.say(
        turn.language, alliance=turn.alliance.name, helper=turn.sender.alias[:LONGEST_NAME]
    )
    await outbox.quote(
        turn.tx, kind=outbox.SOLICITED, member_id=member_id, address_id=address_id,
        channel=channel, text=said, language=turn.language, ticket_id=None, now=turn.now,
        expires_at=turn.now + LASTS,
    )  # fmt: skip
