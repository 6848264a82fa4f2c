"""A closed anonymous round: no choice can be joined to a person from tables, files and logs."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from bot.replay import replay
from handlers.dialog import late
from storage import addresses, answers, members
from tests.whole.chat import Chat
from tests.whole.world import world

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Tx
    from storage.rounds import Round
    from tests.whole.world import Phone, World

QUESTION = "Which of all the water problems of this part of the town is to be mended at once"
# One echo takes one segment, another two: also lengths must not tell them apart.
OPTIONS = ("Oxbow", "Quaggamussel", "Zebrafish aquarium")

WORDS = "what an error of ours may say"

# What two people do, each with `mine` and `other` swapped: t types, b presses, e edits, ! fails.
DEEDS: dict[str, tuple[str, ...]] = {
    "answers": ("t{mine}",),
    "answers with a stray sign": ("t({mine}).",),
    "changes": ("t{other}", "t{mine}"),
    "is understood at last": ("tI would say {mine_words}", "t{mine_words}", "t{mine}"),
    "is never understood": ("t{mine_words}", "t{mine_words}!", "t{mine} {mine_words}"),
    "says it in words after it rested": ("tx", "ty", "tz", "t{mine_words}"),
    "says it in words afterwards": ("t{mine}", "t{mine} {mine_words}", "t{other_words}"),
    "asks again": ("t{other}", "tCHANGE P1", "t{mine}"),
    "skips after all": ("t{mine}", "t0"),
    "sees the program fail": ("t{other}", "!{mine}"),
    "presses": ("b{mine}",),
    "presses twice": ("b{other}", "b{mine}"),
    "edits": ("t{other}", "e{mine}"),
}
LATE = ("t{mine}", "t{mine_words}", "t{mine} {mine_words}")
LATE_CHAT = (*LATE, "b{mine}", "e{other}")


class Person:
    """Somebody with a phone, who prefers one option to another."""

    def __init__(self, phone: Phone, deed: str, mine: int, other: int) -> None:
        self.phone = phone
        self.deed = deed
        self.words = {
            "mine": mine, "other": other,
            "mine_words": OPTIONS[mine - 1].lower(), "other_words": OPTIONS[other - 1].lower(),
        }  # fmt: skip
        self.alias = f"Wilhelmina{phone.number[-3:]}"
        self.done = 0

    async def do(self, steps: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Do what is to be done; return the last that was heard."""
        heard: list[str] = []
        for step in steps:
            self.done += 1
            how, text = step[0], step[1:].format(**self.words)
            key = {"key": f"{self.phone.number} {self.done}"}
            if how == "b":
                press = {"kind": "choice", "choice": f"a:1:0:{text}", "callback": "c", **key}
                heard = await self.phone.say("", **press)
            elif how == "e":
                heard = await self.phone.say(text, kind="edit", **key)
            else:
                with monkeypatch.context() as patch:
                    if how == "!":
                        patch.setattr(answers, "put", _fail)
                    heard = await self.phone.say(text, **key)
        return heard


async def _fail(*_: object) -> None:
    raise RuntimeError(WORDS)


async def people(here: World, *, swapped: bool) -> list[Person]:
    """Enrol two people for every deed, who want the opposite; swapped they want each other's."""
    found = []
    for position, deed in enumerate(DEEDS):
        chats = deed.startswith(("presses", "edits"))
        for second in (False, True):
            last = 2 * position + second
            phone = here.chatter(last) if chats else here.phone(last)
            mine, other = (1, 3) if second == swapped else (3, 1)
            if position % 3 == 1:
                mine, other = (mine + 1, mine) if mine < 3 else (mine - 1, mine)
            found.append(Person(phone, deed, mine, other))

    async def unit(tx: Tx) -> None:
        for person in found:
            member = await members.add_whole(
                tx, alias=person.alias, name="", platform_id=None, type_="", sector="civil",
                organisation_id=None, language="en", now=here.now(),
            )  # fmt: skip
            phone = person.phone
            address = await addresses.add(tx, phone.channel, phone.number, here.now())
            await addresses.link(tx, member, address, here.now())

    await here.database.write(unit)
    await here.run("UPDATE members SET introduced = TRUE")
    return found


async def a_round(here: World, persons: list[Person], monkeypatch: pytest.MonkeyPatch) -> Round:
    """Ask everyone, and let everyone do their deeds."""
    round_ = await here.poll(QUESTION, OPTIONS, named=False)
    for person in persons:
        assert QUESTION in (await person.phone.hear())[-1]
    for person in persons:
        await person.do(DEEDS[person.deed], monkeypatch)
    return round_


async def dump(here: World) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table; instants and the provider's ids are only marked."""
    found = {}
    for name in await here.tables():
        columns = await here.columns(name)
        rows = await here.rows(f"SELECT * FROM {name}")
        found[name] = sorted((tuple(map(_marked, columns, row)) for row in rows), key=repr)
    return found


def _marked(column: str, value: Any) -> Any:
    if isinstance(value, int) and value > 10**11:
        return "an instant"
    if isinstance(value, str):
        value = re.sub(r"\b\d\d:\d\d\b", "a time", value)
    return bool(value) if column in {"provider_id", "key"} else value


async def scrubbed(here: World, folder: Path) -> None:
    """Wait until what was forgotten is out of the files too."""
    for _ in range(200):
        if not await here.scalar("PRAGMA user_version"):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{folder} was not scrubbed within 4 s")


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of the database and of what lies beside it."""
    return {path.name: path.read_bytes() for path in folder.glob("test.db*")}


async def traces(here: World) -> dict[str, re.Pattern[bytes]]:
    """Return what each choice looks like in the bytes of a page, as things stand."""
    echo = rf"We have: \d ({'|'.join(OPTIONS)})"
    words = "|".join(option.lower() for option in OPTIONS)
    stored = await here.rows("SELECT value, at FROM answers")
    # As SQLite writes a row: the types (0, a letter, an instant), then the values.
    rows = [
        rb"\x08\x0f\x05.?" + re.escape(value.encode() + at.to_bytes(6, "big"))
        for value, at in stored
    ]
    return {
        "echo": re.compile(echo.encode()),
        "typed": re.compile(rb"text\(?[1-3]\)?\.?done"),
        "words": re.compile(words.encode()),
        "pressed": re.compile(rb"a:1:0:[1-3]done"),
        "answer": re.compile(b"|".join(rows), re.DOTALL),
    }


async def test_swapping_what_people_chose_changes_nothing_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rounds, alike but for who wanted what, leave the same rows behind in every table."""
    before, after = [], []
    for swapped in (False, True):
        folder = tmp_path / str(swapped)
        folder.mkdir()
        async with world(folder, chats=(Chat(),)) as here:
            persons = await people(here, swapped=swapped)
            round_ = await a_round(here, persons, monkeypatch)
            before.append(await dump(here))
            await here.close(round_)
            for person in persons:
                steps = LATE_CHAT if person.phone.channel == "chat" else LATE
                for step in steps:
                    heard = await person.do((step,), monkeypatch)
                    assert heard[-1:] in ([late.TOO_LATE.text], []), (person.deed, step)
            after.append(await dump(here))
    one, other = before
    # While it is open what people chose is kept, or this test could not fail.
    for table in ("answers", "inbound", "outbox"):
        assert one[table] != other[table]
    one, other = after
    assert one["answers"] == []
    assert len(one["respondents"]) > len(DEEDS)
    for table in one:
        assert one[table] == other[table], table


@pytest.mark.sqlite_only
async def test_no_page_of_the_files_holds_what_somebody_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the database nor its log keeps an earlier state of a page: all is written anew."""
    async with world(tmp_path, chats=(Chat(),)) as here:
        persons = await people(here, swapped=False)
        round_ = await a_round(here, persons, monkeypatch)
        found = await traces(here)
        seen = b"".join(files(tmp_path).values())
        for name, pattern in found.items():
            assert pattern.search(seen), f"{name} is not found where it is"
        await here.close(round_)
        await scrubbed(here, tmp_path)
        for name, content in files(tmp_path).items():
            for trace, pattern in found.items():
                assert not pattern.search(content), (trace, name)
    for name, content in files(tmp_path).items():
        for trace, pattern in found.items():
            assert not pattern.search(content), (trace, name, "after the program ended")


@pytest.mark.sqlite_only
async def test_a_reader_of_an_earlier_state_only_delays_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a backup reads what was, the program goes on; once it is through the log is cut."""
    async with world(tmp_path, chats=(Chat(),)) as here:
        persons = await people(here, swapped=False)
        round_ = await a_round(here, persons, monkeypatch)
        found = await traces(here)
        reader = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM answers").fetchone()
        await here.close(round_)
        assert (await persons[0].phone.say("POLLS")) != []
        assert await here.scalar("PRAGMA user_version") != 0
        assert found["echo"].search(b"".join(files(tmp_path).values()))
        reader.execute("COMMIT")
        reader.close()
        await scrubbed(here, tmp_path)
        for trace, pattern in found.items():
            assert not pattern.search(b"".join(files(tmp_path).values())), trace


async def test_the_logs_say_nothing_of_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """No number, name, question, option or typed word stands in a log line, failures included."""
    with structlog.testing.capture_logs() as lines:
        async with world(tmp_path, chats=(Chat(),)) as here:
            persons = await people(here, swapped=False)
            round_ = await a_round(here, persons, monkeypatch)
            with monkeypatch.context() as patch:
                patch.setattr(answers, "put", _fail)
                assert (await replay(here.database, here.app.intake))[1] > 0
            await here.close(round_)
    out, err = capsys.readouterr()
    logged = "\n".join([*map(repr, lines), out, err, caplog.text])
    assert "handler_failed" in logged
    assert "replay_failed" in logged
    numbers = [person.phone.number for person in persons]
    names = [person.alias for person in persons]
    for secret in (QUESTION, *OPTIONS, *(o.lower() for o in OPTIONS), *names, *numbers):
        assert secret not in logged
        assert secret.removeprefix("+") not in logged
    assert WORDS not in logged


async def test_the_audit_and_the_tickets_say_nothing_of_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit holds ids, codes and counts alone; three bad tries are a ticket without words."""
    async with world(tmp_path, chats=(Chat(),)) as here:
        persons = await people(here, swapped=False)
        await here.close(await a_round(here, persons, monkeypatch))
        audit = await here.rows(
            "SELECT at, act, by_member_id, subject, subject_id, count FROM audit"
        )
        assert {row[1] for row in audit} >= {"poll", "close", "result"}
        for at, act, by, subject, subject_id, count in audit:
            assert re.fullmatch("[a-z_]+", act)
            assert re.fullmatch("[a-z_]*", subject)
            assert all(isinstance(value, int) for value in (at, by or 0, subject_id, count))
        tickets = await here.rows("SELECT kind, text, media FROM tickets WHERE member_id > 0")
        assert tickets
        assert set(tickets) == {("unread", "P1", "")}


async def test_a_failed_answer_is_blanked_and_not_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed before the close of its round counts for nothing afterwards."""
    async with world(tmp_path, chats=(Chat(),)) as here:
        persons = await people(here, swapped=False)
        round_ = await a_round(here, persons, monkeypatch)
        failed = await here.rows("SELECT round_id, text FROM inbound WHERE state = 'failed'")
        assert {row[0] for row in failed} == {round_.id}
        await here.close(round_)
        assert await here.rows("SELECT 1 FROM inbound WHERE state = 'failed'") == []
        result = await here.scalar("SELECT result FROM rounds WHERE id = :id", id=round_.id)
        assert await replay(here.database, here.app.intake) == (0, 0)
        assert await here.scalar("SELECT result FROM rounds WHERE id = :id", id=round_.id) == result


async def test_answers_and_a_close_at_once_are_counted_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of many answers that race with the close is in the result, or is told it is not."""
    async with world(tmp_path, chats=(Chat(),)) as here:
        persons = await people(here, swapped=False)
        round_ = await here.poll(QUESTION, OPTIONS, named=False)
        for person in persons:
            await person.phone.hear()
        acts = [person.phone.send("1") for person in persons]
        acts.insert(len(acts) // 2, here.close(round_))
        await asyncio.gather(*acts)
        heard = [(await person.phone.hear()) for person in persons]
        counted = await here.scalar("SELECT COUNT(*) FROM respondents")
        refused = sum(late.TOO_LATE.text in texts for texts in heard)
        assert counted + refused == len(persons)
        assert await here.scalar("SELECT COUNT(*) FROM answers") == 0
        count = await here.scalar("SELECT count FROM audit WHERE act = 'close'")
        assert count == counted
