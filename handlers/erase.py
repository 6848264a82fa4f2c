"""ERASE: forgetting a person, in two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import confirming, forgetting
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.turn import command
from storage import answers, audit, outbox, roles

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

ASK_ERASE = msg(
    "To erase your number, your name and all that you wrote to {alliance}, reply {code}. It can't"
    " be undone. To keep it reply NO.",
    alliance=ALLIANCE, code="0000",
)  # fmt: skip
ERASED = msg(
    "All is erased, and we will not write again. What closed polls counted stays counted,"
    " without you. To take part once more send JOIN."
)
NOTHING_KEPT = msg("Nothing is kept of your number.")


@command("ERASE", "anyone")
async def erase(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Ask whether they mean it."""
    if turn.forgotten:
        turn.say(NOTHING_KEPT)
        return
    code, buttons = await confirming.ask(turn, "erase", "")
    turn.say(ASK_ERASE, buttons, alliance=turn.alliance.name, code=code)


@confirming.act("erase")
async def erased(turn: Turn, body: str) -> None:  # noqa: ARG001  it is about whoever confirms
    """Blank what is kept of them in every table, and keep but keyed hashes of their addresses."""
    tx, member_id = turn.tx, turn.sender.member_id
    if member_id:
        await outbox.blank_names(tx, member_id)
        await answers.withdraw(tx, member_id)
        await roles.revoke_all(tx, member_id)
        await outbox.erase(tx, member_id, turn.now)
        await audit.add(tx, "erase", "member", member_id, turn.now)
        await forgetting.others(turn)
    await forgetting.bar(turn, "erased")
    await tx.scrub()
    turn.say(ERASED)
