"""UNLINK: a phone that was linked is on its own again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import linking
from handlers.dialog.messages import msg
from handlers.dialog.text import ascii_digits, fold, unmarked
from handlers.dialog.turn import command
from storage import addresses

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.addresses import Phone

ONLY_THIS = msg("We know you by this phone alone. STOP ends our messages, ERASE forgets you.")
WHICH = msg("Which phone? Send UNLINK and one of: {phones}", phones=", ".join(["telegram"] * 4))
SHOWN = 4
LEAST = 3


@command("UNLINK")
async def unlink(turn: Turn, rest: str) -> None:
    """Part the phone that is named from the sender; of two the one that was linked last."""
    phones = await addresses.linked(turn.tx, turn.sender.member_id)
    if len(phones) < 2:
        turn.say(ONLY_THIS)
        return
    found = phones if len(phones) == 2 and not rest.strip() else _meant(turn, phones, rest)
    if found and (len(found) == 1 or not rest.strip()):
        await linking.part(turn, found[0])
    else:
        names = [linking.named(turn, phone.channel, phone.value) for phone in phones]
        turn.say(WHICH, phones=", ".join(names[:SHOWN]))


def _meant(turn: Turn, phones: list[Phone], rest: str) -> list[Phone]:
    """Return the phones that a text names: by a channel, or by last digits of a number."""
    wanted = fold(ascii_digits(unmarked(rest))).strip(" .,:;!?()")
    return [
        phone
        for phone in phones
        if wanted == phone.channel
        or (
            len(wanted) >= LEAST
            and linking.has_number(turn, phone.channel)
            and phone.value.endswith(wanted)
        )
    ]
