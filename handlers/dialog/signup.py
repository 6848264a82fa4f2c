"""Sign-up's parts: what is known of a person, the options offered, what the answers set."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from handlers.dialog import asking, forgetting
from handlers.dialog.asking import Flow, Stay
from handlers.dialog.catalogues import between
from handlers.dialog.forms import Option
from handlers.dialog.messages import (
    ALLIANCE,
    OPTION,
    Message,
    language_name,
    msg,
    type_lines,
)
from handlers.dialog.text import digits, fold
from storage import addresses, consents, members, organisations, platforms, tickets
from storage.instant import local

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn
    from storage.platforms import Platform

ON_A_PAGE = 7  # and one line more for the next page
MATCHED = 4  # so many letters alike make an organisation worth offering
MOST_OFFERS = 3
LONGEST_OFFER = 18
MORE = "more"

ASK_CONSENT = msg(
    "{alliance} shares news and asks its members. We text you up to {per_week} times a week,"
    " more only on what you join. Your SMS cost your usual rate. We never share your number."
    " Are you {age} or over, and do you agree? 1 Yes 2 No. STOP ends it, HELP explains.",
    alliance=ALLIANCE, per_week="10", age="18",
)  # fmt: skip
ASK_CONSENT_OPEN = msg(
    "{alliance} shares news and asks its members. We text you when there is something to"
    " say. Your SMS cost your usual rate. We never share your number. Are you {age} or over,"
    " and do you agree? 1 Yes 2 No. STOP ends it, HELP explains.",
    alliance=ALLIANCE, age="18",
)  # fmt: skip
MORE_LINE = msg("More")
NOT_JOINED = msg("All right, we will not write again. Nothing is kept of your number.")
WHICH_ORGANISATION = msg(
    "Do you mean {offers}? Send the number, or the full name again.",
    offers=f"1 {OPTION} 2 {OPTION} 3 {OPTION}",
)


def ask_consent(alliance: Alliance) -> Message:
    """Return the question for consent: it promises the cap that is kept, if there is one."""
    return ASK_CONSENT if alliance.manners.per_week else ASK_CONSENT_OPEN


async def again(turn: Turn) -> None:
    """Look up who writes once more, since what is known of them has changed."""
    found = await addresses.sender(turn.tx, turn.sender.channel, turn.sender.value)
    turn.sender = found or turn.sender


def _number(turn: Turn) -> str:
    """Return what a person is called who gave no name."""
    return f"M{turn.sender.member_id}"


# --- what is known, so that it isn't asked again ---


@asking.known("platform")
async def knows_platform(turn: Turn) -> bool:
    """Tell whether they have a platform."""
    return bool(turn.sender.platform_id)


@asking.known("type")
async def knows_type(turn: Turn) -> bool:
    """Tell whether they have said whom they speak for."""
    return bool(turn.sender.type)


@asking.known("organisation")
async def knows_organisation(turn: Turn) -> bool:
    """Tell whether they have named one, also one that a coordinator still looks into."""
    member = await members.by_id(turn.tx, turn.sender.member_id)
    if member is not None and member.organisation_id is not None:
        return True
    return await tickets.has(turn.tx, turn.sender.member_id, "organisation")


@asking.known("alias")
async def knows_alias(turn: Turn) -> bool:
    """Tell whether they have said what to call them."""
    return turn.sender.alias not in ("", _number(turn))


# --- where the options come from ---


@asking.source("languages")
async def languages(turn: Turn) -> tuple[Option, ...]:
    """Offer the alliance's languages, each by its own name."""
    return tuple(
        Option(value=code, text={code: language_name(code)}) for code in turn.alliance.languages
    )


@asking.source("platforms")
async def places(turn: Turn) -> tuple[Option, ...]:
    """Offer the platforms, a page at a time."""
    listed = await _listed(turn)
    if len(listed) <= ON_A_PAGE + 1:
        return tuple(Option(value=str(p.id), text={"": p.name[:20]}) for p in listed)
    shown = listed[_page(turn) * ON_A_PAGE :][:ON_A_PAGE]
    more = {code: MORE_LINE.say(code) for code in turn.alliance.languages}
    return (
        *(Option(value=str(p.id), text={"": p.name[:20]}) for p in shown),
        Option(value=MORE, text=more),
    )


async def _listed(turn: Turn) -> list[Platform]:
    """Return the platforms to choose from: the root is where those are who skip."""
    listed = await platforms.listed(turn.tx)
    # Where nothing lies below the first, it is a place like the others.
    is_root = len(listed) > 2 and any(place.parent_id == listed[0].id for place in listed)
    return listed[1:] if is_root else listed


def _page(turn: Turn) -> int:
    return int(json.loads(turn.sender.scratch or "{}").get("page", 0))


@asking.source("types")
async def types(turn: Turn) -> tuple[Option, ...]:
    """Offer the stakeholder types that have a line in the menu."""
    spoken = turn.alliance.languages
    return tuple(
        Option(value=t.code, text=type_lines(t.line, spoken)) for t in turn.alliance.types if t.line
    )


# --- what the answers set ---


@asking.setter("language")
async def set_language(turn: Turn, value: str) -> Flow | Stay:
    """Speak this language from now on."""
    if value not in turn.alliance.languages:
        return Stay()
    await members.put(turn.tx, turn.sender.member_id, "language", value)
    await again(turn)
    return Flow.GO_ON


@asking.setter("consent")
async def set_consent(turn: Turn, value: str) -> Flow | Stay:
    """Make the person a member; or forget them, but for a keyed hash."""
    if value == "no":
        await forgetting.bar(turn, "no")
        turn.say(NOT_JOINED)
        return Flow.END
    said = ask_consent(turn.alliance).say(turn.language, **asking.values(turn.alliance))
    await consents.add(
        turn.tx, turn.sender.member_id, version=hashlib.blake2b(said.encode()).hexdigest()[:8],
        language=turn.language, how=turn.sender.channel,
        given_on=local(turn.now, turn.alliance.zone).date().isoformat(), by=None, now=turn.now,
    )  # fmt: skip
    await members.join(turn.tx, turn.sender.member_id, turn.now)
    await members.put(turn.tx, turn.sender.member_id, "alias", _number(turn))
    await again(turn)
    return Flow.GO_ON


@asking.setter("platform")
async def set_platform(turn: Turn, value: str) -> Flow | Stay:
    """Put the person on a platform, or show the next page of them."""
    if value == MORE:
        pages = -(-len(await _listed(turn)) // ON_A_PAGE)
        return Stay(scratch=json.dumps({"page": (_page(turn) + 1) % pages}))
    if value not in {str(platform.id) for platform in await platforms.listed(turn.tx)}:
        return Stay()
    await members.put(turn.tx, turn.sender.member_id, "platform_id", int(value))
    await again(turn)
    return Flow.GO_ON


@asking.setter("type")
async def set_type(turn: Turn, value: str) -> Flow | Stay:
    """Keep whom the person speaks for, and the sector that follows from it."""
    sectors = {entry.code: entry.sector for entry in turn.alliance.types}
    if value not in sectors:
        return Stay()
    await members.put(turn.tx, turn.sender.member_id, "type", value)
    await members.put(turn.tx, turn.sender.member_id, "sector", sectors.get(value, ""))
    return Flow.GO_ON


@asking.setter("organisation")
async def set_organisation(turn: Turn, value: str) -> Flow | Stay:
    """Match a typed organisation, offer those like it, or let a coordinator see to it."""
    offered = json.loads(turn.sender.scratch or "{}").get("offers", [])
    number = int(digits(value) or 0)
    if 0 < number <= len(offered):
        found = await organisations.by_id(turn.tx, offered[number - 1])
    else:
        found = await organisations.by_key(turn.tx, fold(value))
    if found is not None:
        await members.put(turn.tx, turn.sender.member_id, "organisation_id", found.id)
        if found.sector:
            await members.put(turn.tx, turn.sender.member_id, "sector", found.sector)
        return Flow.GO_ON
    near = await organisations.beginning(turn.tx, fold(value)[:MATCHED], MOST_OFFERS)
    if near and not offered:
        apart = between(turn.language)
        listed = apart.join(f"{n} {o.name[:LONGEST_OFFER]}" for n, o in enumerate(near, 1))
        text = WHICH_ORGANISATION.say(turn.language, offers=listed)
        return Stay(text, json.dumps({"offers": [o.id for o in near]}))
    await tickets.add(
        turn.tx, member_id=turn.sender.member_id, address_id=turn.sender.address_id,
        kind="organisation", text=value, now=turn.now,
    )  # fmt: skip
    return Flow.GO_ON


@asking.setter("alias")
async def set_alias(turn: Turn, value: str) -> Flow | Stay:
    """Call the person as they like."""
    await members.put(turn.tx, turn.sender.member_id, "alias", value)
    return Flow.GO_ON
