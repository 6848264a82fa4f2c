from __future__ import annotations

import asyncio
import threading

import pytest

from bot.channels.base import Again, Picture, digest
from bot.sending import chart, gallery
from bot.sending.gallery import Gallery
from handlers.dialog.charts import Chart, dump
from tests.bot.sending.office import FakeChannel, until

SAID = dump(Chart("Which first?", (("Taps", 3), ("Price", 5))))


@pytest.fixture
def drawings(monkeypatch):
    """What was drawn, each by which thread; none is while `free` is not set."""
    found, free = [], threading.Event()
    free.set()

    def draw(said):
        free.wait(5)
        found.append((said, threading.current_thread()))
        return f"PNG of {said}".encode()

    monkeypatch.setattr(chart, "draw", draw)
    return {"found": found, "free": free}


async def test_a_picture_is_drawn_once_off_the_event_loop(drawings):
    """All who want it at the same time, and later, get the one that one thread has drawn."""
    kept = Gallery()
    drawings["free"].clear()
    waiting = [asyncio.create_task(kept.draw(SAID)) for _ in range(5)]
    await asyncio.sleep(0)
    assert not kept.has(SAID)
    drawings["free"].set()
    await asyncio.gather(*waiting)
    assert kept.shown(SAID) == Picture(digest(SAID), f"PNG of {SAID}".encode())
    [(_, thread)] = drawings["found"]
    assert thread is not threading.main_thread()


async def test_who_waits_may_leave(drawings):
    """A send that is cancelled takes the picture from nobody else."""
    kept = Gallery()
    drawings["free"].clear()
    first, second = (asyncio.create_task(kept.draw(SAID)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    drawings["free"].set()
    await second
    assert kept.shown(SAID) is not None


async def test_one_that_can_t_be_drawn_is_not_tried_again(monkeypatch):
    """Its text goes alone."""
    tried = []
    monkeypatch.setattr(chart, "draw", lambda said: tried.append(said) or 1 / 0)
    kept = Gallery()
    await kept.draw(SAID)
    assert kept.has(SAID)
    assert kept.shown(SAID) is None
    assert tried == [SAID]


async def test_only_the_last_are_kept(drawings, monkeypatch):
    """Those that were used last stay."""
    monkeypatch.setattr(gallery, "KEPT", 2)
    kept = Gallery()
    for said in ("a", "b"):
        await kept.draw(said)
    kept.shown("a")
    await kept.draw("c")
    assert [kept.has(said) for said in "abc"] == [True, False, True]
    assert kept.shown("b") is None


async def test_a_row_leaves_with_its_picture(post, drawings):
    """A reply's picture is drawn before its request is written, and goes with it."""
    post.channel = FakeChannel(pictures=True)
    await post.queue(await post.person(), picture=SAID)
    async with post.draining():
        await until(lambda: post.channel.sent)
    [(_, message)] = post.channel.sent
    assert message.picture == Picture(digest(SAID), f"PNG of {SAID}".encode())


async def test_where_no_pictures_are_shown_none_is_drawn(post, drawings):
    """A row that has one all the same leaves with its words."""
    await post.queue(await post.person(), picture=SAID)
    async with post.draining():
        await until(lambda: post.channel.sent)
    assert post.channel.sent[0][1].picture is None
    assert drawings["found"] == []


async def test_others_leave_while_one_is_drawn(post, drawings):
    """Only the message with the picture waits for it."""
    post.channel = FakeChannel(pictures=True)
    drawings["free"].clear()
    shown = await post.queue(await post.person(), picture=SAID)
    other = await post.queue(await post.person())
    async with post.draining():
        await until(lambda: post.channel.rows == [other])
        drawings["free"].set()
        await until(lambda: post.channel.rows == [other, shown])
        await until(post.settled)
    assert await post.statuses() == ["sent", "sent"]


async def test_what_is_drawn_when_the_server_stops_is_put_back(post, drawings):
    """It has not left: the next server sends it, and nobody takes it for sent."""
    post.channel = FakeChannel(pictures=True)
    drawings["free"].clear()
    row = await post.queue(await post.person(), picture=SAID)
    async with post.draining() as drain:
        await until(lambda: drain._gallery._drawing)
        drain.stop()
        await asyncio.sleep(0)
        drawings["free"].set()
    assert post.channel.sent == []
    found = await post.row(row)
    assert (found["status"], found["tries"]) == ("queued", 0)


async def test_what_is_refused_with_its_picture_is_sent_again(post, drawings):
    """The row is tried once more at once: the channel leaves out what the provider refused."""
    post.channel = FakeChannel(pictures=True)
    row = await post.queue(await post.person(), picture=SAID)
    post.channel.script["+12025550101"] = [Again("400 bad photo", seconds=0)]
    async with post.draining():
        await until(lambda: len(post.channel.sent) == 2)
        await until(post.settled)
    found = await post.row(row)
    assert (found["status"], bool(found["maybe_twice"])) == ("sent", False)
