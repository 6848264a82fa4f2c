"""What a row of the table does and expects, a line each; so that it runs over either channel.

    platform nima Nima [ghana]     a platform, below another
    member ana [nima]              somebody is a member already, of a platform
    role ana nima coordinator      and has a role
    ana: JOIN                      sends this; `ana!: 2` answers with 2 the way that is usual there
    ana < Welcome                  the next message they have had has this in it; {code} is kept
    ana << Welcome                 one of all they have had since has
    ana < -                        they have had nothing more
    poll Which? / Taps / Price     all are asked; its code is {poll}
    close                          the poll closes
    wait 15m                       time passes, and what is due happens; `tick`: what is due now
    count WORDS = 2                so many rows: FROM words
    again                          what was said last is delivered once more
    changed ana = 1                so many of their messages were changed; `gone`: none can be

A name with 2 behind it is the same kind of person on the other channel. `sms>` and `telegram>`
begin lines for one channel alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.numbers import e164
from handlers.dialog.when import read_span
from storage import addresses, members, platforms, roles
from tests.rules.carriers import message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from storage.database import Tx
    from storage.rounds import Round
    from tests.rules.carriers import Providers

OTHER = {"sms": "telegram", "telegram": "sms"}
SENDS = re.compile(r"(?P<who>\w+)(?P<how>|!| edits| shares| sends a photo)?:(?: (?P<text>.*))?")
HEARS = re.compile(r"(?P<who>\w+) (?P<how><<?) (?P<part>.+)")
NAMES = ["ana", "ben", "eva", "joe", "kim", "lee", "max", "ola", "pia", "sam", "tom"]


class Script:
    """A row while it runs."""

    def __init__(self, providers: Providers, channel: str) -> None:
        self._providers = providers
        self._here = providers.here
        self._channel = channel
        self._known: dict[str, str] = {}
        self._heard: dict[str, int] = {}
        self._round: Round | None = None
        self._last: Callable[[], Awaitable[None]] | None = None
        self._messages = 100
        self._under = 0

    async def run(self, text: str) -> None:
        """Do every line. Raises AssertionError, with the line."""
        for line in filter(None, map(str.strip, text.splitlines())):
            channel, marked, rest = line.partition("> ")
            if marked and channel in OTHER:
                if channel == self._channel:
                    await self._line(rest)
            else:
                await self._line(line)

    async def _line(self, line: str) -> None:
        if found := SENDS.fullmatch(line):
            await self._say(found["who"], found["how"], self._filled(found["text"] or ""))
        elif found := HEARS.fullmatch(line):
            await self._hear(line, found["who"], found["part"], all_=found["how"] == "<<")
        else:
            word, _, rest = line.partition(" ")
            await getattr(self, f"_do_{word}")(self._filled(rest))

    def _filled(self, text: str) -> str:
        for name, value in self._known.items():
            text = text.replace(f"{{{name}}}", value)
        return text.replace("\\n", "\n")

    def _where(self, who: str) -> tuple[str, str]:
        """Return a person's channel and address."""
        channel = OTHER[self._channel] if who.endswith("2") else self._channel
        place = NAMES.index(who.removesuffix("2")) + 1
        return channel, e164(f"+1202555{110 + place:04d}", "US") if channel == "sms" else (
            f"77000{place}"
        )

    # --- what people do ---

    async def _say(self, who: str, how: str | None, text: str) -> None:
        channel, address = self._where(who)
        self._messages += 1
        number = self._messages
        if channel == "sms":
            more = {"MessageSid": f"SM{number:032x}"}
            if how == " sends a photo":
                more |= {"NumMedia": "1", "MediaUrl0": "https://api.example.com/1"}

            async def send() -> None:
                await self._providers.sms(address, text, **more)

        else:
            update = self._update(who, address, number, how or "", text)

            async def send() -> None:
                await self._providers.update(**update)

        self._last = send
        await send()
        await self._here.settled()

    def _update(self, who: str, address: str, number: int, how: str, text: str) -> dict[str, Any]:
        match how:
            case "!":
                data = self._button(who, text)
                author = {"id": int(address), "is_bot": False, "first_name": "Ama"}
                under = message(address, self._under, text="the question")
                query = {
                    "id": str(number), "from": author, "chat_instance": "5", "data": data,
                    "message": under,
                }  # fmt: skip
                return {"callback_query": query}
            case " edits":
                found = message(address, number - 1, text=text)
                return {"edited_message": {**found, "edit_date": found["date"] + 1}}
            case " shares":
                contact = {"phone_number": text, "first_name": "Ama", "user_id": int(address)}
                return {"message": message(address, number, contact=contact)}
            case " sends a photo":
                photo = {"file_id": "p1", "file_unique_id": "u1", "width": 1, "height": 1}
                return {"message": message(address, number, photo=[photo])}
        return {"message": message(address, number, text=text)}

    def _button(self, who: str, label: str) -> str:
        """Return what the button of the last message that has it sends back."""
        for said in reversed(self._providers.heard(*self._where(who))):
            for text, data in said["buttons"].items():
                if label in (text, text.split()[0]) or text.startswith(f"{label} "):
                    self._under = said["id"]
                    return str(data)
        raise AssertionError(f"{who} has no button {label!r}")

    async def _hear(self, line: str, who: str, part: str, *, all_: bool) -> None:
        said = [found["text"] for found in self._providers.heard(*self._where(who))]
        new = said[self._heard.get(who, 0) :]
        if part == "-":
            assert new == [], line
            return
        assert new, f"{line}: nothing was heard"
        found = None
        for text in new if all_ else new[:1]:
            found = found or re.search(self._pattern(part), text)
        assert found, f"{line}: {new}"
        self._known |= found.groupdict()
        self._heard[who] = len(said) if all_ else len(said) - len(new) + 1

    def _pattern(self, part: str) -> str:
        """Return what a message must have in it; an unknown {name} is one word, and kept."""
        pieces = re.split(r"\{(\w+)\}", self._filled(part))
        return "".join(
            f"(?P<{piece}>\\w+)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)
        )

    # --- what happens ---

    async def _do_platform(self, rest: str) -> None:
        code, name, *above = rest.split()
        await self._here.platform(code, name, *above)

    async def _do_member(self, rest: str) -> None:
        who, *place = rest.split()
        channel, address = self._where(who)

        async def unit(tx: Tx) -> None:
            now = self._here.now()
            found = await platforms.by_code(tx, place[0]) if place else None
            member_id = await members.add_whole(
                tx, alias=who.title(), name="", platform_id=found.id if found else None, type_="",
                sector="", organisation_id=None, language="en", now=now,
            )  # fmt: skip
            address_id = await addresses.add(tx, channel, address, now)
            await addresses.link(tx, member_id, address_id, now)
            await tx.run("UPDATE members SET introduced = TRUE WHERE id = :id", id=member_id)

        await self._here.database.write(unit)

    async def _do_role(self, rest: str) -> None:
        await self._grant(rest, roles.grant)

    async def _do_unrole(self, rest: str) -> None:
        await self._grant(rest, None)

    async def _grant(self, rest: str, grant: Any) -> None:
        who, place, role = rest.split()
        channel, address = self._where(who)

        async def unit(tx: Tx) -> None:
            sender = await addresses.sender(tx, channel, address)
            found = await platforms.by_code(tx, place)
            assert sender is not None
            if grant is None:
                await roles.revoke(tx, sender.member_id, found.id, roles.read(role))
            else:
                await grant(
                    tx, sender.member_id, found.id, roles.read(role), None, self._here.now()
                )

        await self._here.database.write(unit)

    async def _do_poll(self, rest: str) -> None:
        question, *options = rest.split(" / ")
        hours = 72.0
        if options[-1].endswith("h") and options[-1][:-1].isdigit():
            hours = float(options.pop()[:-1])
        self._round = await self._here.poll(question, tuple(options), hours=hours)
        self._known["poll"] = self._round.code

    async def _do_close(self, rest: str) -> None:
        del rest
        assert self._round is not None
        await self._here.close(self._round)

    async def _do_wait(self, rest: str) -> None:
        milliseconds = read_span(rest)
        assert milliseconds is not None, rest
        await self._here.pass_time(milliseconds)

    async def _do_changed(self, rest: str) -> None:
        who, _, wanted = rest.partition(" = ")
        said = self._providers.telegram.said[self._where(who)[1]]
        found = sum("message_id" in one for one in said)
        assert found == int(wanted), f"changed {rest}: {found}"

    async def _do_gone(self, rest: str) -> None:
        del rest
        self._providers.telegram.refuses_edits = True

    async def _do_tick(self, rest: str) -> None:
        del rest
        await self._here.tick()

    async def _do_run(self, rest: str) -> None:
        await self._here.run(rest)

    async def _do_count(self, rest: str) -> None:
        rows, _, wanted = rest.rpartition(" = ")
        found = await self._here.scalar(f"SELECT COUNT(*) FROM {rows}")
        assert found == int(wanted), f"count {rest}: {found}"

    async def _do_again(self, rest: str) -> None:
        del rest
        assert self._last is not None
        await self._last()
        await self._here.settled()
