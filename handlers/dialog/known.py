"""All that is kept of a person, as short facts in their language, the most important first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.forms import said
from handlers.dialog.messages import (
    CODE,
    NUMBER,
    OPTION,
    PLATFORM,
    language_name,
    msg,
    type_lines,
)
from storage import addresses, answers, consents, members, organisations, platforms, roles, tickets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handlers.dialog.turn import Turn
    from storage.members import Member

LISTED = 3
LONGEST_NAME = 30

NAME = "N" * LONGEST_NAME
FULL_NAME = msg("name: {name}", name=NAME)
PLACE = msg("place: {platform}", platform=PLATFORM)
SPEAKS_FOR = msg("speaks for: {type}", type="T" * 20)
ORGANISATION = msg("organisation: {organisation}", organisation=OPTION)
LANGUAGE = msg("language: {language}", language="Kinyarwanda")
AGREED = msg("agreed on {day} ({how})", day="2026-09-30", how="H" * 20)
AGREED_BY = msg(
    "agreed on {day} ({how}, by {helper})", day="2026-09-30", how="H" * 20, helper=NAME
)  # fmt: skip
CONSENT_TEXT = msg("text agreed to: {version}", version="12345678")
PHONES = msg("phones: {phones}", phones=", ".join(["telegram ...123"] * LISTED))
ROLES = msg("roles: {roles}", roles=", ".join([f"coordinator {PLATFORM}"] * LISTED))
STOPPED = msg("you asked us to stop")
ANSWERS = msg("answers to open polls: {polls}", polls=", ".join([CODE] * LISTED))
QUESTIONS = msg("your questions that wait: {numbers}", numbers=", ".join([NUMBER] * LISTED))
SECTOR = msg("sector: {sector}", sector="private")
WORDS = msg("what you wrote, for {days} days", days="1000")
NOT_SAID = msg("not said")


async def facts(turn: Turn) -> list[str]:
    """Return each thing that is kept of whoever writes."""
    member = await members.by_id(turn.tx, turn.sender.member_id)
    return [fact async for fact in _facts(turn, member)] if member else []


async def _facts(turn: Turn, member: Member) -> AsyncIterator[str]:
    language, sender = turn.language, turn.sender
    unsaid = NOT_SAID.say(language)
    yield member.alias[:LONGEST_NAME]
    if member.name:
        yield FULL_NAME.say(language, name=member.name[:LONGEST_NAME])
    yield PLACE.say(language, platform=sender.platform[:20] or unsaid)
    yield SPEAKS_FOR.say(language, type=_type(turn, member)[:20] or unsaid)
    yield ORGANISATION.say(language, organisation=await _organisation(turn, member) or unsaid)
    yield LANGUAGE.say(language, language=language_name(language))
    yield PHONES.say(language, phones=await _phones(turn))
    async for fact in _agreed(turn):
        yield fact
    async for fact in _listed(turn):
        yield fact
    if turn.stopped:
        yield STOPPED.say(language)
    if member.sector:
        yield SECTOR.say(language, sector=member.sector)
    yield WORDS.say(language, days=turn.alliance.keep_text_days)


async def _agreed(turn: Turn) -> AsyncIterator[str]:
    consent = await consents.latest(turn.tx, turn.sender.member_id)
    if consent is None:
        yield AGREED.say(turn.language, day=NOT_SAID.say(turn.language), how="-")
        return
    version, how, day, _ = consent
    helper = (await consents.given_to(turn.tx, turn.sender.member_id))[:LONGEST_NAME]
    if helper:
        yield AGREED_BY.say(turn.language, day=day, how=how[:20], helper=helper)
    else:
        yield AGREED.say(turn.language, day=day, how=how[:20])
    yield CONSENT_TEXT.say(turn.language, version=version[:8])


async def _listed(turn: Turn) -> AsyncIterator[str]:
    """Yield what there may be several of, some of each."""
    tx, language, member_id = turn.tx, turn.language, turn.sender.member_id
    if held := await roles.of(tx, member_id):
        names = [f"{role} {(await platforms.by_id(tx, at)).name[:20]}" for at, role in held]
        yield ROLES.say(language, roles=_some(names))
    if polls := await answers.open_of(tx, member_id, LISTED + 1):
        yield ANSWERS.say(language, polls=_some(polls))
    if numbers := await tickets.numbers(tx, member_id, LISTED + 1):
        yield QUESTIONS.say(language, numbers=_some([str(number) for number in numbers]))


def _some(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (" ..." if len(names) > LISTED else "")


def _type(turn: Turn, member: Member) -> str:
    """Return whom a person speaks for, as the menu has it; the code where it has no line."""
    lines = {entry.code: entry.line or entry.code for entry in turn.alliance.types}
    line = lines.get(member.type, member.type)
    return said(type_lines(line, (turn.language,)), turn.language)


async def _organisation(turn: Turn, member: Member) -> str:
    if member.organisation_id is None:
        return ""
    found = await organisations.by_id(turn.tx, member.organisation_id)
    return found.name[:18] if found else ""


async def _phones(turn: Turn) -> str:
    """Return each address by its channel and its last three digits."""
    found = await addresses.of(turn.tx, turn.sender.member_id)
    return _some([f"{channel[:8]} ...{value[-3:]}" for _, channel, value in found])
