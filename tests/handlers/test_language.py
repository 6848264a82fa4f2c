from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.fixture
def spoken(store):
    """An alliance that speaks two languages."""
    store.alliance = replace(store.alliance, languages=("en", "es"))
    return store


async def test_where_one_language_is_spoken_it_is_named(store):
    """There is nothing to choose."""
    await store.member(1)
    assert await store.say(1, "LANG") == ["We speak English only."]


@pytest.mark.parametrize(
    "text", ["LANG es", "lang ES", "LANG Español", "LANG espanol", "LANG ESPAÑOL"]
)
async def test_a_language_is_chosen_by_its_code_or_name(spoken, text):
    """The change is said in the new language and kept."""
    await spoken.member(1)
    [told] = await spoken.say(1, text)
    assert "Español" in told
    assert await spoken.scalar("SELECT language FROM members") == "es"


@pytest.mark.parametrize("text", ["LANG", "LANG fr", "LANG Klingon"])
async def test_else_it_is_chosen_from_a_list(spoken, text):
    """Without a language, or with one we don't speak, the question is asked and its answer kept."""
    await spoken.member(1)
    [asked] = await spoken.say(1, text)
    assert "1 English 2 Español 0" in asked
    await spoken.open_first(1)
    [told] = await spoken.say(1, "2")
    assert "Español" in told
    assert await spoken.scalar("SELECT language FROM members") == "es"


async def test_skipping_leaves_the_language(spoken):
    """0 changes nothing, and says which language it is."""
    await spoken.member(1)
    await spoken.say(1, "LANG")
    await spoken.open_first(1)
    assert "English" in (await spoken.say(1, "0"))[0]
    assert await spoken.scalar("SELECT language FROM members") == "en"


async def test_who_stopped_is_asked_nothing(spoken):
    """A question would be one more message: they hear how to come back."""
    await spoken.member(1)
    await spoken.run("UPDATE members SET stopped_at = 1")
    assert "send START" in (await spoken.say(1, "LANG"))[0]
    assert await spoken.rows("SELECT 1 FROM dialogs") == []


async def test_the_question_is_kept_once(spoken):
    """However often it is asked there is one round that never closes."""
    for last in (1, 2):
        await spoken.member(last)
        await spoken.say(last, "LANG")
    assert await spoken.rows("SELECT code, closes_at FROM rounds") == [("LANG", 0)]
