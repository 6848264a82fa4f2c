from __future__ import annotations

import pytest

from handlers.dialog import confirming
from handlers.dialog.confirming import GIVEN_UP, LASTS, NOT_THAT_CODE, NOTHING_WAITS
from storage.instant import MINUTE


@pytest.fixture
def done(monkeypatch):
    """What was confirmed, as (who, body)."""
    found: list[tuple[int, str]] = []
    monkeypatch.setattr(confirming, "_ACTS", {})

    @confirming.act("announce")
    async def run(turn, body):
        found.append((turn.sender.member_id, body))

    return found


@pytest.fixture
async def waiting(store, done):
    """A coordinator whose act waits for the code 0427."""
    await store.member(1)
    store.asked = await store.turn(
        1, lambda turn: confirming.ask(turn, "announce", "the body"), draw=lambda: "0427"
    )
    return store


async def take(store, text="", **fields):
    """Let a message be taken as a confirmation; return whether it was, and what was said."""
    taken, turn = await store.turn(1, confirming.take, text, **fields)
    return taken, [reply.text for reply in turn.replies]


async def test_an_act_waits_with_its_code_and_buttons(waiting):
    """The code is the turn's, and each button carries what typing would say."""
    (code, buttons), _ = waiting.asked
    assert (code, buttons) == ("0427", (("Yes", "c:0427"), ("No", "c:no")))
    assert await waiting.rows("SELECT act, code, body, tries, expires_at FROM pending") == [
        ("announce", "0427", "the body", 0, waiting.now + LASTS)
    ]


@pytest.mark.parametrize(
    "message", [{"text": "0427"}, {"text": " 0427. "}, {"text": "٠٤٢٧"},
                {"text": "", "kind": "choice", "choice": "c:0427"}]
)  # fmt: skip
async def test_its_code_does_the_act_once(waiting, done, message):
    """The code, typed in any script or pressed, does the act with its body, and only once."""
    assert await take(waiting, **message) == (True, [])
    assert done == [(1, "the body")]
    await take(waiting, **message)
    assert done == [(1, "the body")]


@pytest.mark.parametrize("text", ["1", "2", "42", "04270", "yes", "0 4 2 7", "", "POLLS"])
async def test_nothing_but_four_digits_is_taken_for_a_code(waiting, done, text):
    """A bare 1 never confirms: it is the commonest vote."""
    assert await take(waiting, text) == (False, [])
    assert done == []
    assert await waiting.scalar("SELECT tries FROM pending") == 0


@pytest.mark.parametrize(
    "message", [{"text": "NO"}, {"text": " no "}, {"text": "", "kind": "choice", "choice": "c:no"}]
)
async def test_no_ends_it(waiting, done, message):
    """NO, typed or pressed, gives it up."""
    assert await take(waiting, **message) == (True, [GIVEN_UP.text])
    assert done == []
    assert await take(waiting, "0427") == (False, [])


async def test_three_wrong_codes_end_it(waiting, done):
    """Two wrong codes may be mended, the third gives it up."""
    assert await take(waiting, "1111") == (True, [NOT_THAT_CODE.text])
    assert await take(waiting, "2222") == (True, [NOT_THAT_CODE.text])
    assert await take(waiting, "3333") == (True, [GIVEN_UP.text])
    assert await take(waiting, "0427") == (False, [])
    assert done == []


async def test_the_right_code_counts_after_a_wrong_one(waiting, done):
    """A miss is no end."""
    await take(waiting, "1111")
    assert await take(waiting, "0427") == (True, [])
    assert done == [(1, "the body")]


async def test_after_its_time_it_is_gone(waiting, done):
    """After fifteen minutes typing says nothing, and the button says that it is too late."""
    waiting.now += 15 * MINUTE
    assert await take(waiting, "0427") == (False, [])
    assert await take(waiting, "NO") == (False, [])
    pressed = {"kind": "choice", "choice": "c:0427"}
    assert await take(waiting, **pressed) == (True, [NOTHING_WAITS.text])
    assert done == []


async def test_a_new_act_takes_the_place_of_the_one_before(waiting, done):
    """One act waits for a phone at a time: an older code does nothing."""
    await waiting.turn(1, lambda turn: confirming.ask(turn, "announce", "new"), draw=lambda: "9999")
    assert await take(waiting, "0427") == (True, [NOT_THAT_CODE.text])
    assert await take(waiting, "9999") == (True, [])
    assert done == [(1, "new")]


async def test_another_phones_code_confirms_nothing(waiting, done):
    """What one phone was asked is confirmed from that phone."""
    await waiting.member(2)
    taken, turn = await waiting.turn(2, confirming.take, "0427")
    assert (taken, turn.replies, done) == (False, [], [])


async def test_a_stranger_may_be_asked_too(store, done):
    """An address without a member confirms as any other."""
    await store.turn(1, lambda turn: confirming.ask(turn, "announce", "x"), draw=lambda: "0001")
    assert await take(store, "0001") == (True, [])
    assert done == [(0, "x")]
