"""Whether each message that changed something was answered, and nobody was answered for nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.addresses import hidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chance.scene import Effect, Scene, Since, Whose
    from tests.chance.town import Town

# Acts that change what is other people's.
REACHES_OTHERS = {"close", "extend", "halt", "announcement", "poll", "result", "link", "unlink",
                  "enrol", "erase", "reply"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wrong:
    """What must not be, and by whose message it came about, where that can be told."""

    what: str
    whose: Whose | None
    detail: str


@dataclass(slots=True)
class Verdict:
    """What a group of messages did, one for each of its senders."""

    wrong: list[Wrong] = field(default_factory=list)
    answered: set[Whose] = field(default_factory=set)
    changed: set[Whose] = field(default_factory=set)


def judge(
    town: Town, before: Scene, after: Scene, since: Since, silent: Mapping[Whose, bool]
) -> Verdict:
    """Compare two moments between which each of `silent` wrote once, and nothing else went on.

    `silent` says of each sender whether what they do is not to be answered.
    """
    found = Verdict()
    hide = lambda channel, value: hidden(town.alliance.keyed(channel, value))  # noqa: E731
    find = {whose: after.addresses(hide)(whose) for whose in silent}
    by_id = {id_: whose for whose, id_ in find.items() if id_}
    replies = Counter(by_id.get(row[1]) if row[1] else (row[0], row[2]) for row in since.replies)
    found.answered = {whose for whose in silent if replies[whose]}
    for row in since.inbound:
        if row[2] == "failed":
            found.wrong.append(Wrong("a message failed", by_id.get(row[1]), str(row[3])))
    came = Counter(by_id.get(row[1]) for row in since.inbound)
    owners = _Owners(before, after)
    for row in since.replies:
        whose = by_id.get(row[1]) if row[1] else (row[0], row[2])
        # A phone is told what another did to it, and a stranger what a coordinator answers.
        of_another = any(owners.share(row[1], find[who]) for who in silent)
        if not came[whose] and not of_another and all(act[0] != "reply" for act in since.acts):
            found.wrong.append(Wrong("a reply to nobody's message", whose, row[3]))
    hashes = {town.alliance.keyed(*whose): whose for whose in silent}
    stopped = {whose for whose, id_ in find.items() if _had_stopped(id_, owners, before)}
    stopped |= {whose for hash_, whose in hashes.items() if (hash_,) in before.tables["barred"]}
    acted = {
        row[1] or row[3] for row in since.acts
        if row[0] in REACHES_OTHERS and (row[1] or row[2] == "member")
    }  # fmt: skip
    for effect in before.effects(after):
        whom = _whom(effect, owners, find, hashes)
        found.changed |= whom
        if any(replies[whose] or silent[whose] for whose in whom) or _is_silent(
            effect, whom, stopped
        ):
            continue
        actors = {whose for whose in silent if owners.of(find[whose]) & acted}
        if not whom and any(replies[whose] or silent[whose] for whose in actors):
            continue
        what = "an effect without an answer" if whom else "an effect on whom nobody acted"
        found.wrong.append(Wrong(what, next(iter(whom), None), str(effect)))
    return found


class _Owners:
    """Whose each address is, or was before."""

    def __init__(self, before: Scene, after: Scene) -> None:
        self._both = before.owners()
        for address_id, members in after.owners().items():
            self._both[address_id] |= members

    def of(self, address_id: int) -> set[int]:
        return self._both.get(address_id, set())

    def share(self, one: int | None, other: int) -> bool:
        """Tell whether two addresses are, or were, one person's."""
        return bool(one) and bool(self.of(one or 0) & self.of(other))


def _had_stopped(address_id: int, owners: _Owners, before: Scene) -> bool:
    """Tell whether a phone, or whoever it is of, had stopped before."""
    phone = before.tables["addresses"].get((address_id,))
    people = (before.tables["members"].get((m,)) for m in owners.of(address_id))
    return bool(phone and (phone[1] or phone[2] == "carrier")) or any(
        one is not None and one[10] for one in people
    )


def _is_silent(effect: Effect, whom: set[Whose], stopped: set[Whose]) -> bool:
    """Tell whether an effect is not to be answered by itself.

    A question rests after the third try, without a word; the sign-up's standing round comes to be
    when the first joins; and whoever has stopped, or said no, is
    not told so a second time.
    """
    row = effect.after or ()
    match effect.table:
        case "dialogs":
            return row[4] == "rested" if row else bool(whom & stopped)
        case "rounds":
            return bool(row) and not row[2]
        case "addresses" | "barred" | "member_addresses":
            return bool(whom & stopped)
        case "members":  # by this phone; meanwhile another has lifted it for the person
            return bool(whom & stopped) and bool(row) and _has_gone(effect)
    return False


def _has_gone(effect: Effect) -> bool:
    """Tell whether somebody has stopped, or left the sign-up by a STOP."""
    before, after = effect.before or (), effect.after or ()
    stops = before[:10] == after[:10] and not before[10] and bool(after[10])
    return stops or (before[1], after[1]) == ("joining", "erased")


def _whom(
    effect: Effect, owners: _Owners, find: Mapping[Whose, int], hashes: Mapping[str, Whose]
) -> set[Whose]:
    """Return whose messages an effect may have come from, of those who wrote."""
    row = effect.after or effect.before or ()
    match effect.table:
        case "barred":
            return {hashes[effect.key[0]]} if effect.key[0] in hashes else set()
        case "addresses" | "pending" | "member_addresses":
            direct = {whose for whose, id_ in find.items() if id_ == effect.key[0]}
            shared = {whose for whose, id_ in find.items() if owners.share(effect.key[0], id_)}
            return direct | shared
        case "consents":
            member_id = row[1]
        case "rounds" | "batches":
            return set()
        case _:
            member_id = effect.key[0]
    return {whose for whose, id_ in find.items() if member_id in owners.of(id_)}
