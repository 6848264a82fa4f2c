"""JOIN: sign-up, a form whose answers set who the person is. Consent makes the member."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from handlers.dialog import asking, forgetting
from handlers.dialog.asking import Flow, Stay
from handlers.dialog.forms import Form, Option, Question
from handlers.dialog.messages import ALLIANCE, OPTION, PLATFORM, Message, language_name, msg
from handlers.dialog.text import digits, fold
from handlers.dialog.turn import command
from storage import addresses, consents, members, organisations, platforms, tickets
from storage.instant import local

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn
    from storage.platforms import Platform

ROUND = "JOIN"
ON_A_PAGE = 7  # and one line more for the next page
MATCHED = 4  # so many letters alike make an organisation worth offering
MOST_OFFERS = 3
LONGEST_OFFER = 18
MORE = "more"

ASK_LANGUAGE = msg("{alliance}. Which language?", alliance=ALLIANCE)
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
ASK_PLATFORM = msg("Where do you take part?")
ASK_TYPE = msg("Who do you speak for?")
ASK_ORGANISATION = msg("Which organisation do you speak for? Send its name, 0 for none.")
ASK_NAME = msg("What shall we call you? Send a name or nickname, 0 for none.")
YES = msg("Yes")
NO = msg("No")
MORE_LINE = msg("More")

WELCOME = msg(
    "Welcome to {alliance}. POLLS shows what you can answer now, HELP what you can send."
    " STOP ends it.",
    alliance=ALLIANCE,
)
NOT_JOINED = msg("All right, we will not write again. Nothing is kept of your number.")
JOINED_BEFORE = msg(
    "You are a member of {alliance}. POLLS shows what is open, ME what we know of you.",
    alliance=ALLIANCE,
)
NO_PLATFORM = msg("We know no place {code}. Let us ask you instead.", code=PLATFORM)
WHICH_ORGANISATION = msg(
    "Do you mean {offers}? Send the number, or the full name again.",
    offers=f"1 {OPTION} 2 {OPTION} 3 {OPTION}",
)


def form(alliance: Alliance) -> Form:
    """Return the sign-up form in the alliance's languages."""

    def texts(message: Message) -> dict[str, str]:
        return {code: message.template(code) for code in alliance.languages}

    yes_no = tuple(
        Option(value=value, text=texts(message)) for value, message in (("yes", YES), ("no", NO))
    )
    capped = alliance.manners.per_week
    consent = ASK_CONSENT if capped else ASK_CONSENT_OPEN
    return Form(
        name="join",
        privacy="named",
        questions=(
            Question(kind="choice", text=texts(ASK_LANGUAGE), source="languages", sets="language",
                     skippable=False),
            Question(kind="choice", text=texts(consent), options=yes_no, sets="consent",
                     skippable=False, bare=True),
            Question(kind="choice", text=texts(ASK_PLATFORM), source="platforms", sets="platform"),
            Question(kind="choice", text=texts(ASK_TYPE), source="types", sets="type"),
            Question(kind="text", text=texts(ASK_ORGANISATION), sets="organisation", most=80,
                     bare=True),
            Question(kind="text", text=texts(ASK_NAME), sets="alias", most=30, bare=True),
        ),
    )  # fmt: skip


CONSENT_AT = 1
PLATFORM_AT = 2


@command("JOIN", "anyone")
async def join(turn: Turn, rest: str) -> None:
    """Begin to sign up, or go on; with a platform's code that question is answered too."""
    # Asked first: Telegram sends /start whenever somebody opens the chat.
    if asking.declined(turn):
        return
    place = await platforms.find(turn.tx, rest.split(maxsplit=1)[0]) if rest.strip() else None
    if not turn.sender.member_id:
        await _begin(turn)
    if place is not None:
        await members.put(turn.tx, turn.sender.member_id, "platform_id", place.id)
        await _again(turn)
    round_ = await asking.standing_round(turn.tx, ROUND, form(turn.alliance), turn.now)
    if turn.is_member and (await _all_known(turn) or not await _once_more(turn)):
        turn.say(JOINED_BEFORE, alliance=turn.alliance.name)
        return
    if rest.strip() and place is None and turn.kind != "start":
        turn.say(NO_PLATFORM, code=rest.strip()[:20])
    await asking.ask_round(turn, round_, "", PLATFORM_AT if turn.is_member else 0)


async def _begin(turn: Turn) -> None:
    """Keep who writes for as long as the sign-up lasts."""
    if turn.barred:
        await forgetting.lift(turn)
    member = await members.add(turn.tx, turn.alliance.language(turn.sender.language), turn.now)
    await addresses.link(turn.tx, member.id, turn.sender.address_id, turn.now)
    await _again(turn)


async def _again(turn: Turn) -> None:
    """Look up who writes once more, since what is known of them has changed."""
    found = await addresses.sender(turn.tx, turn.sender.channel, turn.sender.value)
    turn.sender = found or turn.sender


async def _all_known(turn: Turn) -> bool:
    few = len(await platforms.listed(turn.tx, 2)) < 2
    return bool((turn.sender.platform_id or few) and turn.sender.type)


async def _once_more(turn: Turn) -> bool:
    """Tell whether what is left open may still be asked: once, after the sign-up itself."""
    return await members.ask_again(turn.tx, turn.sender.member_id)


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
    return tuple(Option(value=t.code, text={"": t.line}) for t in turn.alliance.types if t.line)


# --- what the answers set ---


@asking.setter("language")
async def set_language(turn: Turn, value: str) -> Flow | Stay:
    """Speak this language from now on."""
    if value not in turn.alliance.languages:
        return Stay()
    await members.put(turn.tx, turn.sender.member_id, "language", value)
    await _again(turn)
    return Flow.GO_ON


@asking.setter("consent")
async def set_consent(turn: Turn, value: str) -> Flow | Stay:
    """Make the person a member; or forget them, but for a keyed hash."""
    if value == "no":
        await forgetting.bar(turn, "no")
        turn.say(NOT_JOINED)
        return Flow.END
    text = asking.values(turn.alliance)
    question = form(turn.alliance).questions[CONSENT_AT]
    said = question.text[turn.language].format(**text)
    await consents.add(
        turn.tx, turn.sender.member_id, version=hashlib.blake2b(said.encode()).hexdigest()[:8],
        language=turn.language, how=turn.sender.channel,
        given_on=local(turn.now, turn.alliance.zone).date().isoformat(), by=None, now=turn.now,
    )  # fmt: skip
    await members.join(turn.tx, turn.sender.member_id, turn.now)
    await members.put(turn.tx, turn.sender.member_id, "alias", _number(turn))
    await _again(turn)
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
    await _again(turn)
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
        listed = " ".join(f"{n} {o.name[:LONGEST_OFFER]}" for n, o in enumerate(near, 1))
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


@asking.finisher("join")
async def welcome(turn: Turn) -> None:
    """Say that they are in, and what they can send."""
    turn.say(WELCOME, alliance=turn.alliance.name)
