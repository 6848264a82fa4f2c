"""ME: what is known of the person who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.messages import OPTION, PLATFORM, language_name, msg
from handlers.dialog.turn import command
from storage import consents, members, organisations

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

ME = msg(
    "We know: {alias}; place: {platform}; speaks for: {type}, {organisation}; language:"
    " {language}; agreed on {day}. Also this phone and your answers to open polls. JOIN fills"
    " in, LANG changes the language, ERASE forgets it all.",
    alias="N" * 30, platform=PLATFORM, type="T" * 20, organisation=OPTION,
    language="Kinyarwanda", day="2026-09-30",
)  # fmt: skip
NOT_SAID = msg("not said")


@command("ME")
async def me(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Say what is kept of this person."""
    sender, language = turn.sender, turn.language
    unsaid = NOT_SAID.say(language)
    member = await members.by_id(turn.tx, sender.member_id)
    consent = await consents.latest(turn.tx, sender.member_id)
    found = None
    if member is not None and member.organisation_id is not None:
        found = await organisations.by_id(turn.tx, member.organisation_id)
    lines = {entry.code: entry.line or entry.code for entry in turn.alliance.types}
    turn.say(
        ME,
        alias=sender.alias[:30],
        platform=sender.platform[:20] or unsaid,
        type=lines.get(sender.type, sender.type)[:20] or unsaid,
        organisation=found.name[:18] if found else unsaid,
        language=language_name(language),
        day=consent[2] if consent else unsaid,
    )
