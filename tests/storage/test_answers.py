"""Counting what a round's members chose, in parts that are small enough to be quick."""

from __future__ import annotations

import pytest

from storage import addresses, answers, forms, members, rounds

NOW = 1_900_000_000_000


@pytest.fixture
async def answered(database):
    """A round of seven who answered one question, three of them a second; return its id."""

    async def unit(tx):
        form = await forms.add(tx, "poll", "anonymous", "{}", NOW)
        round_ = await rounds.add(
            tx, form_id=form.id, platform_id=None, audience="all", closes_at=NOW, by=None, now=NOW
        )
        for number in range(7):
            await addresses.add(tx, "sms", f"+1202555010{number}", NOW)
            member = await members.add_whole(
                tx, alias="", name="", platform_id=None, type_="donor" if number < 5 else "",
                sector=("civil", "public")[number % 2], organisation_id=None, language="en",
                now=NOW,
            )  # fmt: skip
            await answers.put(tx, round_.id, member, 0, str(1 + number % 3), NOW)
            if number < 3:
                await answers.put(tx, round_.id, member, 1, "9", NOW)
        return round_.id

    return await database.write(unit)


@pytest.mark.parametrize("at_once", [1, 2, 7, 2_000])
async def test_answers_are_counted_whole_however_they_are_parted(
    database, answered, monkeypatch, at_once
):
    """Nobody is left out or counted twice where one part ends and the next begins."""
    monkeypatch.setattr(answers, "_AT_ONCE", at_once)
    assert await database.read(lambda tx: answers.counts(tx, answered)) == {
        0: {"1": 3, "2": 2, "3": 2}, 1: {"9": 3}
    }  # fmt: skip
    assert await database.read(lambda tx: answers.by_group(tx, answered, "sector")) == {
        "civil": {0: {"1": 2, "2": 1, "3": 1}, 1: {"9": 2}},
        "public": {0: {"1": 1, "2": 1, "3": 1}, 1: {"9": 1}},
    }
    assert await database.read(lambda tx: answers.by_group(tx, answered, "type")) == {
        "donor": {0: {"1": 2, "2": 2, "3": 1}, 1: {"9": 3}}, "": {0: {"1": 1, "3": 1}}
    }  # fmt: skip


async def test_a_round_without_answers_counts_nothing(database, answered):
    """Neither in all nor by group."""
    assert await database.read(lambda tx: answers.counts(tx, answered + 1)) == {}
    assert await database.read(lambda tx: answers.by_group(tx, answered + 1, "type")) == {}
