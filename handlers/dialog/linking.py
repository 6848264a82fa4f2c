"""One person with several phones: two become one's, and are parted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, forgetting
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.text import plain
from storage import addresses, audit, barred, members, merging, outbox, roles, rounds
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.messages import Message
    from handlers.dialog.turn import Turn
    from storage.addresses import Phone, Sender

# What was told, or closed, so long ago is told nobody again.
LATELY = 8 * DAY

LINKED = msg(
    "This phone and {phone} are now one person's for {alliance}. Answer on either. UNLINK parts"
    " them.",
    phone="telegram", alliance=ALLIANCE,
)  # fmt: skip
LINKED_TO_YOURS = msg(
    "{phone} is now yours too for {alliance}. Answer on either. If that was not you, send UNLINK.",
    phone="telegram", alliance=ALLIANCE,
)  # fmt: skip
LINKED_BEFORE = msg("That phone is yours already.")
PARTED = msg("{phone} is no longer linked to you.", phone="telegram")
ALONE = msg("This phone is now on its own. ME shows what we know of it, JOIN takes part with it.")
JOIN_FIRST = msg("To link a phone, take part first: send JOIN.")
NEEDS_CODE = msg("To link that number send LINK from it, and then here what it is told to send.")
NOT_THAT_NUMBER = msg("That number asked us not to write. To link it send LINK from it.")


def has_number(turn: Turn, channel: str) -> bool:
    """Tell whether the addresses of a channel are phone numbers."""
    return turn.numbers is not None and channel == turn.numbers.channel


def named(turn: Turn, channel: str, value: str) -> str:
    """Return what tells a phone apart from a person's others, without saying whose it is."""
    return f"...{value[-3:]}" if has_number(turn, channel) else channel[:12]


async def hold(turn: Turn, *people: int) -> None:
    """Let no other message of these people be dealt with before this unit ends."""
    held = {turn.alliance.keyed(turn.sender.channel, turn.sender.value)}
    while True:
        found = [phone for person in people for phone in await addresses.of(turn.tx, person)]
        more = {turn.alliance.keyed(channel, value) for _, channel, value in found} - held
        if not more:
            return
        for hashed in sorted(more):
            await turn.tx.lock("phone", hashed)
        held |= more


async def link(turn: Turn, owner: Sender) -> None:
    """Let the phone that wrote, and whoever it belongs to, be one with another's owner."""
    sender = turn.sender
    if sender.member_id == owner.member_id:
        turn.say(LINKED_BEFORE)
        return
    if sender.member_id:
        elder = await _merge(turn, owner, sender)
    else:
        elder = owner.member_id
        if turn.barred:
            await forgetting.lift(turn)
        await addresses.link(turn.tx, elder, sender.address_id, turn.now)
    await audit.add(turn.tx, "link", "member", elder, turn.now, by=elder)
    await _seen_anew(turn)
    turn.say(LINKED, phone=named(turn, owner.channel, owner.value), alliance=turn.alliance.name)
    await _tell(
        turn, LINKED_TO_YOURS, owner.address_id, owner.channel,
        phone=named(turn, sender.channel, sender.value), alliance=turn.alliance.name,
    )  # fmt: skip
    asking.declined(turn)


async def shared(turn: Turn) -> bool:
    """Link the number of a contact that somebody shared of themselves; False where it is none.

    It proves less than a code: so it links no number that has a role, or several owners.
    """
    if turn.kind != "contact" or not turn.text or turn.numbers is None:
        return False
    if asking.declined(turn):
        return True
    number = turn.numbers.read(turn.text)
    channel = turn.numbers.channel
    if await turn.tx.lock("phone", turn.alliance.keyed(channel, number)):
        await _seen_anew(turn)
    owner = await addresses.sender(turn.tx, channel, number)
    if owner is None or not owner.member_id:
        await _add(turn, channel, number, owner)
    elif await addresses.owners(turn.tx, owner.address_id) > 1 or await roles.of(
        turn.tx, owner.member_id
    ):
        turn.say(NEEDS_CODE)
    elif owner.member_state != "member" and not turn.is_member:
        turn.say(JOIN_FIRST)
    else:
        await hold(turn, owner.member_id, turn.sender.member_id)
        await link(turn, owner)
    return True


async def _add(turn: Turn, channel: str, number: str, owner: Sender | None) -> None:
    """Let a number that is nobody's be the sender's."""
    if not turn.is_member:
        turn.say(JOIN_FIRST)
        return
    bar = await barred.reason(turn.tx, turn.alliance.keyed(channel, number))
    if bar or (owner is not None and (owner.address_stopped_at or owner.address_state != "ok")):
        turn.say(NOT_THAT_NUMBER)
        return
    address_id = await addresses.add(turn.tx, channel, number, turn.now)
    await addresses.link(turn.tx, turn.sender.member_id, address_id, turn.now)
    member_id = turn.sender.member_id
    await audit.add(turn.tx, "link", "member", member_id, turn.now, by=member_id)
    turn.say(LINKED, phone=named(turn, channel, number), alliance=turn.alliance.name)


async def _merge(turn: Turn, one: Sender, other: Sender) -> int:
    """Let the older of two members be both, and return them; a member is older than none."""
    elder, younger = sorted((one, other), key=lambda s: (s.member_state != "member", s.member_id))
    for round_id in await merging.stands_in(turn.tx, younger.member_id):
        await rounds.hold(turn.tx, round_id)
    is_member = younger.member_state == "member"
    await merging.merge(
        turn.tx, elder.member_id, younger.member_id, turn.now, turn.now - LATELY,
        is_member=is_member,
    )  # fmt: skip
    if not is_member:
        await members.blank(turn.tx, younger.member_id)
    if younger.stopped_at and not elder.stopped_at:
        await outbox.stop(turn.tx, elder.member_id, turn.sender.address_id, turn.now)
    return elder.member_id


async def part(turn: Turn, phone: Phone) -> None:
    """Let a phone of the sender's be theirs no more, and the member again that it once was."""
    tx, person = turn.tx, turn.sender.member_id
    await hold(turn, person)
    phones = await addresses.linked(tx, person)
    others = [p for p in phones if p.address_id != phone.address_id]
    if phone.came_from and any(p.came_from != phone.came_from for p in others):
        others = [p for p in others if p.came_from != phone.came_from]
        await merging.part(tx, person, phone.came_from, turn.now)
    else:
        await merging.leave(tx, person, phone.address_id)
        if turn.sender.stopped_at:
            await addresses.stop(tx, phone.address_id, turn.sender.stopped_at)
    best = await addresses.best(tx, person) or (others[0].address_id, others[0].channel)
    await merging.send_elsewhere(tx, person, *best)
    await audit.add(tx, "unlink", "member", person, turn.now, by=person)
    if phone.address_id == turn.sender.address_id:
        await _seen_anew(turn)
        turn.say(ALONE)
        await _tell(turn, PARTED, *best, phone=named(turn, phone.channel, phone.value))
    else:
        turn.say(PARTED, phone=named(turn, phone.channel, phone.value))
        await _tell(turn, ALONE, phone.address_id, phone.channel)


async def _seen_anew(turn: Turn) -> None:
    """Read again who the sender is now."""
    found = await addresses.sender(turn.tx, turn.sender.channel, turn.sender.value)
    assert found is not None  # noqa: S101  # they are writing
    turn.sender = found


async def _tell(
    turn: Turn, message: Message, address_id: int, channel: str, /, **values: object
) -> None:
    """Tell another phone what this one has done with it."""
    await outbox.reply(
        turn.tx, member_id=None, address_id=address_id, recipient="", channel=channel,
        text=plain(message.say(turn.language, **values)), choices="", language=turn.language,
        round_id=None, question=None, now=turn.now, expires_at=turn.now + DAY,
    )  # fmt: skip
