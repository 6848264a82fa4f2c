from __future__ import annotations

import itertools
import re

import pytest

from handlers import link
from handlers.dialog.confirming import LASTS


@pytest.fixture
def drawn():
    """Draw 1000, 1001, and so on."""
    numbers = itertools.count(1000)
    return lambda: str(next(numbers))


async def test_the_code_is_six_digits_and_nobody_elses(store, drawn):
    """A code that waits for somebody is not drawn for another."""
    for last in (1, 2):
        await store.member(last)
    first = (await store.say(1, "LINK", draw=drawn))[0]
    again = itertools.chain(["1000", "1001"], map(str, itertools.count(2000)))
    second = (await store.say(2, "LINK", draw=lambda: next(again)))[0]
    codes = [re.search(r"LINK (\d+)", text)[1] for text in (first, second)]
    assert codes == ["100010", "200020"]
    assert all(len(code) == link.DIGITS for code in codes)


async def test_digits_of_any_script_are_a_code(store, drawn):
    """With a space in it, too."""
    await store.member(1)
    await store.say(1, "LINK", draw=drawn)
    said = await store.say(2, "LINK ١٠٠ ٠١٠")
    assert "one person's" in said[0]


@pytest.mark.parametrize(("passed", "works"), [(LASTS - 1, True), (LASTS, False)])
async def test_a_code_lasts_a_quarter_of_an_hour(store, drawn, passed, works):
    """To the millisecond."""
    await store.member(1)
    await store.say(1, "LINK", draw=drawn)
    store.now += passed
    assert ("one person's" in (await store.say(2, "LINK 100010"))[0]) is works


async def test_wrong_codes_are_forgotten_after_a_while(store, drawn):
    """Two wrong ones long ago and two now are not yet too many."""
    await store.member(1)
    await store.say(1, "LINK", draw=drawn)
    for _ in range(2):
        for _ in range(2):
            assert (await store.say(2, "LINK 999999")) == [link.NOT_THAT_CODE.say("en")]
        store.now += LASTS
    assert await store.rows("SELECT misses FROM addresses WHERE misses > 0") == [(2,)]


async def test_another_phones_misses_are_its_own(store, drawn):
    """Whoever guesses shuts nobody else out."""
    await store.member(1)
    await store.say(1, "LINK", draw=drawn)
    for _ in range(4):
        said = await store.say(3, "LINK 1")
    assert said == [link.TOO_OFTEN.say("en")]
    assert "one person's" in (await store.say(2, "LINK 100010"))[0]
