"""ERASE through the real doors: no table, no file and no log has the person any more."""

from __future__ import annotations

import json
import re

import pytest

from storage import platforms, roles
from tests.whole.test_privacy import files
from tests.whole.world import world

NUMBER, NAME, WORDS = "+12025550101", "Abenaa", "quicklime"


async def code_of(phone):
    """Send ERASE, and return the code it is confirmed by."""
    return re.search(r"\b(\d{4})\b", (await phone.say("ERASE"))[-1])[1]


async def leader(here):
    """Let somebody be a coordinator who has seen what waits."""
    await here.platform("nima", "Nima")
    phone = await here.member(here.phone(50))

    async def unit(tx):
        place = await platforms.by_code(tx, "nima")
        [[member]] = await tx.rows("SELECT MAX(id) FROM members")
        await roles.grant(tx, member, place.id, "coordinator", None, here.now())

    await here.database.write(unit)
    return phone


async def talk(here):
    """Let a member ask and answer, and a coordinator be told of it; return the member's phone."""
    coordinator = await leader(here)
    phone = await here.member(here.phone(1))
    await here.run("UPDATE members SET alias = :name, name = :name WHERE id = 2", name=NAME)
    await phone.say(f"ASK Where is the {WORDS}?")
    told = await coordinator.say("STATUS")
    assert any(WORDS in text for text in told), told
    await here.poll()
    await phone.say("2")
    for wanted in (NUMBER, NAME, WORDS):
        assert await here.everywhere(wanted) != []
    return phone


async def test_no_table_has_them_any_more(here):
    """Not what coordinators were told either."""
    phone = await talk(here)
    await phone.say(await code_of(phone))
    for wanted in (NUMBER, NAME, WORDS):
        assert await here.everywhere(wanted) == [], wanted
    assert await here.scalar("SELECT COUNT(*) FROM answers") == 0
    await here.poll()
    assert await phone.hear() == []


@pytest.mark.sqlite_only
async def test_no_page_of_the_files_has_them(tmp_path):
    """Nor an earlier page in the log."""
    async with world(tmp_path) as here:
        phone = await talk(here)
        await phone.say(await code_of(phone))
    for wanted in (NUMBER, NAME, WORDS):
        found = [name for name, data in files(tmp_path).items() if wanted.encode() in data]
        assert found == [], wanted


async def test_in_the_middle_of_a_form(here):
    """What was begun ends with them."""
    phone = here.phone(1)
    await phone.say("JOIN")
    await phone.say("1")
    await phone.say(await code_of(phone))
    assert await here.everywhere(NUMBER) == []
    assert await here.rows("SELECT * FROM dialogs") == []
    assert any("agree" in text for text in await phone.say("JOIN"))


async def test_the_logs_have_nothing_of_them(here, capsys):
    """Whatever was written down meanwhile."""
    phone = await talk(here)
    await phone.say(await code_of(phone))
    said = "".join(capsys.readouterr())
    assert [wanted for wanted in (NUMBER, NAME, WORDS) if wanted in json.dumps(said)] == []
