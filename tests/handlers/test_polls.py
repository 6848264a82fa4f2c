from __future__ import annotations

from handlers.polls import NONE
from storage.audience import Platform
from storage.instant import HOUR


async def test_a_basic_phone_is_asked_the_soonest_alone(store):
    """The poll that closes first is asked, the codes of up to three others are named."""
    await store.member(1)
    for number in range(5):
        await store.poll(f"Poll {number}?", lasts=(9 - number) * HOUR)
    asked, others = await store.say(1, "POLLS")
    assert asked.startswith("Springfield Water: Poll 4?")
    assert others == "Also open: P4, P3, P2. Send POLLS again after this one."


async def test_a_phone_with_buttons_is_asked_three_at_once(store):
    """Where several questions may stand open they all come, three at most."""
    store.one_question = False
    await store.member(1)
    for number in range(4):
        await store.poll(f"Poll {number}?", lasts=(number + 1) * HOUR)
    *asked, others = await store.say(1, "POLLS")
    assert [text.split("?")[0][-6:] for text in asked] == ["Poll 0", "Poll 1", "Poll 2"]
    assert others.startswith("Also open: P4.")


async def test_what_is_answered_is_not_asked_again(store):
    """Answered polls are passed over; when all are, they are named with how to change one."""
    member = await store.member(1)
    first, second = await store.poll("One?"), await store.poll("Two?", lasts=HOUR)
    await store.open(second, member, 1, "done")
    [asked] = await store.say(1, "POLLS")
    assert "One?" in asked
    await store.open(first, member, 1, "done")
    [told] = await store.say(1, "POLLS")
    assert told == (
        "You have answered all open questions: P2 Two?, P1 One?. To change one send CHANGE and"
        " its code."
    )


async def test_where_nothing_is_open_that_is_said(store):
    """Neither what is closed or over, nor what others are asked, nor sign-up is open to one."""
    await store.platform("east", "East")
    await store.member(1)
    await store.say(2, "JOIN")
    await store.poll(to=Platform("east"))
    over = await store.poll()
    store.now = over.closes_at
    assert await store.say(1, "POLLS") == [NONE.text]


async def test_who_stopped_is_asked_nothing(store):
    """They hear how to come back."""
    await store.member(1)
    await store.poll()
    await store.run("UPDATE members SET stopped_at = 1")
    assert "send START" in (await store.say(1, "POLLS"))[0]


async def test_a_long_question_is_named_in_short(store):
    """What is listed is cut where it gets too long, and shows that it was."""
    member = await store.member(1)
    round_ = await store.poll("Which water problem should we mend first of all?")
    await store.open(round_, member, 1, "done")
    [told] = await store.say(1, "POLLS")
    assert told.startswith(
        "You have answered all open questions: P1 Which water problem should.... To change"
    )
