"""Confirmations: an act that waits for its four-digit code, or for the button that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.messages import msg
from handlers.dialog.text import digits, fold
from handlers.dialog.turn import commands, mistakes_told
from storage import pending
from storage.instant import MINUTE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handlers.dialog.turn import Turn
    from storage.pending import Pending

LASTS = 15 * MINUTE
MOST_TRIES = 3

NOT_THAT_CODE = msg("That is not the code. Send the four digits again, or NO.")
GIVEN_UP = msg("Nothing was done.")
NOTHING_WAITS = msg("That was dealt with before, or came too late: nothing waits for a yes now.")
YES_BUTTON = msg("Yes")
NO_BUTTON = msg("No")

_ACTS: dict[str, Callable[[Turn, str], Awaitable[None]]] = {}


def act(
    name: str,
) -> Callable[[Callable[[Turn, str], Awaitable[None]]], Callable[[Turn, str], Awaitable[None]]]:
    """Let a function do what was confirmed: `run(turn, body)`."""

    def keep(
        run: Callable[[Turn, str], Awaitable[None]],
    ) -> Callable[[Turn, str], Awaitable[None]]:
        _ACTS[name] = run
        return run

    return keep


async def ask(turn: Turn, name: str, body: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Let an act wait for this address's confirmation; return the code and the buttons."""
    code = turn.draw()
    await pending.put(
        turn.tx, turn.sender.address_id, turn.sender.member_id or None, name, code, body,
        turn.now + LASTS,
    )  # fmt: skip
    language = turn.language
    buttons = (
        (YES_BUTTON.say(language), f"c:{code}"),
        (NO_BUTTON.say(language), "c:no"),
    )
    return code, buttons


async def take(turn: Turn) -> bool:
    """Deal with a message as a confirmation; False when it can't be one."""
    pressed = turn.choice.removeprefix("c:") if turn.choice.startswith("c:") else ""
    found = pressed or digits(turn.text) or ""
    no = {fold("no"), fold(NO_BUTTON.say(turn.language))}
    says_no = pressed == "no" or (not pressed and fold(turn.text) in no)
    if not says_no and (len(found) != 4 or not found.isdigit()):
        return False
    waiting = await pending.get(turn.tx, turn.sender.address_id, turn.now)
    if waiting is None or not (says_no or len(waiting.code) == len(found)):
        if pressed:  # a second time, or too late
            turn.say(NOTHING_WAITS)
        return bool(pressed)
    if says_no:
        await _give_up(turn)
    elif found == waiting.code:
        await pending.end(turn.tx, turn.sender.address_id)
        if waiting.member_id != (turn.sender.member_id or None):
            turn.say(GIVEN_UP)  # the phone has become somebody else's
            return True
        commands()  # each of which may have an act to be confirmed
        with mistakes_told(turn):
            await _ACTS[waiting.act](turn, waiting.body)
    else:
        await _miss(turn, waiting)
    return True


async def _miss(turn: Turn, waiting: Pending) -> None:
    if waiting.tries + 1 >= MOST_TRIES:
        await _give_up(turn)
    else:
        await pending.missed(turn.tx, waiting.id)
        turn.say(NOT_THAT_CODE)


async def _give_up(turn: Turn) -> None:
    await pending.end(turn.tx, turn.sender.address_id)
    turn.say(GIVEN_UP)
