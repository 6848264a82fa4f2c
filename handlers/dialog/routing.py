"""Which handler gets a message. Where two rules could apply the earlier wins.

Duplicates and senders that are no persons never get here: `bot.intake` ends them.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from handlers.dialog import answering, asking, confirming, forgetting, late, linking
from handlers.dialog.messages import msg
from handlers.dialog.stop import stop_word
from handlers.dialog.text import clean, fold, read_digits, unmarked
from handlers.dialog.turn import commands, mistakes_told, words
from storage import addresses, roles, tickets
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.turn import Command, Turn

LONGEST_TICKET = 1_600
TYPO_AT_LEAST = 4
# What stops and starts is a message that says nothing else: `_stop_start_help` finds it.
ALONE = {"STOP", "START"}

DID_YOU_MEAN = msg("Did you mean {word}? Send {word}.", word="A" * 12)
MEMBERS_ONLY = msg("That is for members of {alliance}. Send JOIN to take part.", alliance="A" * 24)
PASSED_ON = msg(
    "Thank you. We passed your message on to the coordinator of {alliance}. HELP shows what"
    " you can send.",
    alliance="A" * 24,
)
PASSED_ON_STRANGER = msg(
    "This is {alliance}. We passed your message on. To take part send JOIN. STOP ends it.",
    alliance="A" * 24,
)
MEDIA_PASSED_ON = msg(
    "Thank you. We can't hear or see it here, so we passed it on to the coordinator of"
    " {alliance}. You can also write it.",
    alliance="A" * 24,
)


async def route(turn: Turn) -> None:
    """Deal with one message of a person."""
    turn.text = clean(turn.text)
    # Of somebody who stopped or said no nothing is kept, until they say otherwise.
    turn.forgotten = bool(turn.barred) and not turn.sender.member_id
    await _routed(turn)
    if turn.forgotten:
        await forgetting.hide(turn)


async def _routed(turn: Turn) -> None:
    if await _stop_start_help(turn) or await _choice(turn):
        return
    if turn.kind in ("media", "contact"):
        with mistakes_told(turn):
            if not await linking.shared(turn):
                await _ticket(turn)
        return
    if turn.kind == "start":
        await commands()["JOIN"].run(turn, turn.text)
        return
    if turn.kind == "edit":
        # An edited answer is a new answer; an edited command was done when it was sent.
        if _command(turn) is None and _may_answer(turn):
            await answering.take(turn)
        return
    await _typed(turn)


async def _typed(turn: Turn) -> None:
    if await confirming.take(turn):
        return
    found = _command(turn)
    if found is not None and await _is_theirs(turn, found[0]):
        await _call(turn, *found)
        return
    if _may_answer(turn) and await answering.take(turn):
        return
    if turn.is_member and read_digits(turn.text) is not None and asking.declined(turn):
        await late.forget(turn)
        return
    word = await _meant(turn)
    if word is not None:
        turn.say(DID_YOU_MEAN, word=word)
        return
    await _ticket(turn)


async def _stop_start_help(turn: Turn) -> bool:
    meaning = turn.opt_out or None
    if meaning is None and turn.text and turn.kind in ("text", "edit", "media", "choice"):
        meaning = stop_word(turn.text, turn.alliance.languages)
    if meaning is None:
        return False
    await commands()[meaning.upper()].run(turn, "")
    return True


async def _choice(turn: Turn) -> bool:
    """Deal with a pressed button: an answer, a confirmation, or a word to type."""
    if turn.kind != "choice":
        return False
    if turn.choice.startswith("c:"):
        return await confirming.take(turn)
    if turn.choice.startswith("w:"):
        turn.text = turn.choice.removeprefix("w:")
        found = None if await _stop_start_help(turn) else _command(turn)
        if found is not None and await _is_theirs(turn, found[0]):
            await _call(turn, *found)
        return True
    parsed = pressed(turn.choice)
    if parsed is None or not _may_answer(turn):
        await late.refuse(turn)
        return True
    await answering.press(turn, *parsed)
    return True


def pressed(choice: str) -> tuple[int, int, str] | None:
    """Return the round, the position and the answer that a button carries, if it does."""
    parts = choice.split(":", 3)
    if len(parts) != 4 or parts[0] != "a":
        return None
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts[1:3]):
        return None
    # No round is numbered 0, which would be taken for whichever the person stands at.
    return (int(parts[1]), int(parts[2]), parts[3]) if int(parts[1]) else None


def _may_answer(turn: Turn) -> bool:
    return bool(turn.sender.member_id) and not turn.stopped


def _command(turn: Turn) -> tuple[Command, str] | None:
    """Return the command that a message's first word is, and what stands behind it."""
    first, _, rest = unmarked(turn.text).strip().partition(" ")
    head, _, below = first.partition("\n")
    # Telegram puts the bot's name behind a command: /polls@some_bot.
    word = fold(head.removeprefix("/").partition("@")[0].rstrip(".!?:,"))
    found = words(turn.alliance.languages).get(word)
    if found is not None and found.word in ALONE:
        # As Telegram has it: /start opens a conversation, and lifts no STOP.
        found = commands()["JOIN"] if word == "start" and head.startswith("/") else None
    return (found, f"{below} {rest}".strip()) if found else None


async def _call(turn: Turn, command: Command, rest: str) -> None:
    if command.who == "member" and not turn.is_member:
        turn.say(MEMBERS_ONLY, alliance=turn.alliance.name)
        return
    with mistakes_told(turn) if command.who == "role" else nullcontext():
        await command.run(turn, rest)


async def _is_theirs(turn: Turn, command: Command) -> bool:
    """Tell whether a word calls anything for whoever writes it.

    "Close the tap" and "Reply to me" are what a member writes, whose words are no commands.
    """
    return command.who != "role" or (
        turn.is_member and bool(await roles.of(turn.tx, turn.sender.member_id))
    )


async def _meant(turn: Turn) -> str | None:
    """Return the command that a short message is one typo away from."""
    typed = fold(turn.text).removeprefix("/").split()
    if not typed or len(typed) > 2 or len(typed[0]) < TYPO_AT_LEAST:
        return None
    for word, command in words(turn.alliance.languages).items():
        if len(word) < TYPO_AT_LEAST or not one_typo(typed[0], word):
            continue
        if await _is_theirs(turn, command):
            return word.upper()
    return None


def one_typo(one: str, other: str) -> bool:
    """Tell whether two words differ by one letter more, less, other, or two swapped."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    short, long = sorted((one, other), key=len)
    at = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return one[at + 1 :] == other[at + 1 :] or swapped


async def _ticket(turn: Turn) -> None:
    """Pass a message on to the coordinator, and say so once a day at most."""
    if not turn.text.strip() and not turn.media and turn.kind != "contact":
        return
    if turn.barred and not turn.is_member:
        return  # they asked us to stop, or said no: nothing of theirs is kept or answered
    media, text = turn.media, turn.text[:LONGEST_TICKET]
    if turn.kind == "contact":
        # A coordinator sees no more of a number than of a member's own.
        media, text = "contact", f"...{text[-3:]}" if text else ""
    await tickets.pass_on(
        turn.tx, member_id=turn.sender.member_id or None, address_id=turn.sender.address_id,
        kind="media" if media else "question", text=text, media=media,
        now=turn.now,
    )  # fmt: skip
    if turn.now - turn.sender.ticket_at < DAY:
        return
    await addresses.acked(turn.tx, turn.sender.address_id, turn.now)
    if media:
        turn.say(MEDIA_PASSED_ON, alliance=turn.alliance.name)
    elif turn.is_member:
        turn.say(PASSED_ON, alliance=turn.alliance.name)
    else:
        turn.say(PASSED_ON_STRANGER, alliance=turn.alliance.name)
