"""LANG: the language the bot speaks with a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking
from handlers.dialog.forms import Form, Question
from handlers.dialog.messages import language_name, msg
from handlers.dialog.text import fold
from handlers.dialog.turn import command
from storage import addresses, members

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn

ROUND = "LANG"

ASK_LANGUAGE = msg("Which language?")
ONLY_ONE = msg("We speak {language} only.", language="Kinyarwanda")
CHANGED = msg("From now on we write in {language}.", language="Kinyarwanda")


def form(alliance: Alliance) -> Form:
    """Return the form of one question in which a language is chosen."""
    text = {code: ASK_LANGUAGE.template(code) for code in alliance.languages}
    return Form(
        name="language",
        privacy="named",
        questions=(Question(kind="choice", text=text, source="languages", sets="language"),),
    )


@command("LANG")
async def language(turn: Turn, rest: str) -> None:
    """Change the language: by its code or name, or by choosing from a list."""
    if len(turn.alliance.languages) == 1:
        turn.say(ONLY_ONE, language=language_name(turn.alliance.languages[0]))
        return
    wanted = fold(rest)
    for code in turn.alliance.languages:
        if wanted and wanted in (fold(code), fold(language_name(code))):
            await members.put(turn.tx, turn.sender.member_id, "language", code)
            found = await addresses.sender(turn.tx, turn.sender.channel, turn.sender.value)
            turn.sender = found or turn.sender
            turn.say(CHANGED, language=language_name(code))
            return
    if asking.declined(turn):
        return
    round_ = await asking.standing_round(turn.tx, ROUND, form(turn.alliance), turn.now)
    await asking.ask_round(turn, round_, "")


@asking.finisher("language")
async def changed(turn: Turn) -> None:
    """Say in the new language that it is the new one."""
    turn.say(CHANGED, language=language_name(turn.language))
