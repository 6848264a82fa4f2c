"""JOIN: sign-up, a form whose answers set who the person is. Consent makes the member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, forgetting
from handlers.dialog.forms import Form, Option, Question
from handlers.dialog.messages import ALLIANCE, PLATFORM, Message, msg
from handlers.dialog.signup import again, ask_consent
from handlers.dialog.turn import command
from storage import addresses, members, platforms

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn

ROUND = "JOIN"
PLATFORM_AT = 2

ASK_LANGUAGE = msg("{alliance}. Which language?", alliance=ALLIANCE)
ASK_PLATFORM = msg("Where do you take part?")
ASK_TYPE = msg("Who do you speak for?")
ASK_ORGANISATION = msg("Which organisation do you speak for? Send its name, 0 for none.")
ASK_NAME = msg("What shall we call you? Send a name or nickname, 0 for none.")
YES = msg("Yes")
NO = msg("No")

WELCOME = msg(
    "Welcome to {alliance}. POLLS shows what you can answer now, HELP what you can send."
    " STOP ends it.",
    alliance=ALLIANCE,
)
JOINED_BEFORE = msg(
    "You are a member of {alliance}. POLLS shows what is open, ME what we know of you.",
    alliance=ALLIANCE,
)
NO_PLATFORM = msg("We know no place {code}. Let us ask you instead.", code=PLATFORM)


def form(alliance: Alliance) -> Form:
    """Return the sign-up form in the alliance's languages."""

    def texts(message: Message) -> dict[str, str]:
        return {code: message.template(code) for code in alliance.languages}

    yes_no = tuple(
        Option(value=value, text=texts(message)) for value, message in (("yes", YES), ("no", NO))
    )
    consent = ask_consent(alliance)
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
        await again(turn)
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
    member = await members.add(turn.tx, _language(turn), turn.now)
    await addresses.link(turn.tx, member.id, turn.sender.address_id, turn.now)
    await again(turn)


def _language(turn: Turn) -> str:
    """Return the language of the alliance that a phone is set to ("pt-br"), else the default."""
    ours = {code.lower(): code for code in turn.alliance.languages}
    wanted = turn.phone_language.lower().replace("-", "_")
    return ours.get(wanted) or ours.get(wanted.split("_")[0]) or turn.alliance.languages[0]


async def _all_known(turn: Turn) -> bool:
    few = len(await platforms.listed(turn.tx, 2)) < 2
    return bool((turn.sender.platform_id or few) and turn.sender.type)


async def _once_more(turn: Turn) -> bool:
    """Tell whether what is left open may still be asked: once, after the sign-up itself."""
    return await members.ask_again(turn.tx, turn.sender.member_id)


@asking.finisher("join")
async def welcome(turn: Turn) -> None:
    """Say that they are in, and what they can send."""
    turn.say(WELCOME, alliance=turn.alliance.name)
