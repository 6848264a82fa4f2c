"""Many people, and four processes that deal with them together."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict

from tests.peers.fake_twilio import FakeTwilio
from tests.processes.fleet import fleet, until

PEOPLE = 200
OPTIONS = ("Broken taps", "High price", "Dirty drains")
NEWS = "Water is off on Friday in Nima."


async def test_four_processes_do_one_job(tmp_path, migrated_postgres):
    """Whichever process a message reaches: each counts once, in order, and so do the replies."""
    dice = random.Random(3)
    numbers = [f"+1202555{at:04d}" for at in range(PEOPLE)]
    said = {number: [dice.randint(1, 3) for _ in range(3)] for number in numbers}
    async with (
        FakeTwilio() as carrier,
        fleet(tmp_path, migrated_postgres, sms=carrier.url) as here,
    ):
        await here.enrol(numbers)
        processes = await asyncio.gather(
            here.start(port=here.port), *[here.start() for _ in range(3)]
        )
        options = [word for option in OPTIONS for word in ("--option", option)]
        code = await here.cli("poll", "Which first?", *options, "--named", "--yes")
        await until(lambda: len(carrier.messages) == PEOPLE, 60, "everybody is asked")

        async def burst(number):
            for digit in said[number]:
                copies = dice.choice((1, 1, 2))
                await _post(here, number, digit, dice.sample(processes, copies), dice)

        announcing = asyncio.create_task(here.cli("announce", NEWS, "--yes"))
        await asyncio.gather(*map(burst, numbers))
        await announcing
        wanted = PEOPLE * (1 + 3 + 1)
        await until(lambda: len(carrier.messages) >= wanted, 60, "everything has left")
        await until(lambda: _is_quiet(here), 30, "everything is settled")
        shown = json.loads(await here.cli("result", code, "--json"))
        kept = await here.rows(
            "SELECT a.value, i.text FROM inbound i JOIN addresses a ON a.id = i.address_id"
            " ORDER BY i.id"
        )
    order, heard = defaultdict(list), defaultdict(list)
    for number, text in kept:
        order[number].append(int(text))
    for fields in carrier.creates:
        for digit, option in enumerate(OPTIONS, 1):
            if f"We have: {digit} {option}" in fields["Body"]:
                heard[fields["To"]].append(digit)
    assert order == said
    assert heard == said
    assert len(carrier.messages) == wanted
    assert Counter(f["To"] for f in carrier.creates if NEWS in f["Body"]) == Counter(numbers)
    last = Counter(digits[-1] for digits in said.values())
    assert [option["count"] for option in shown["options"]] == [last[n] for n in (1, 2, 3)]
    assert {status for status, _ in here.answers} == {200}


async def _post(here, number, digit, processes, dice):
    """Post one message to processes at once, as a provider that is in doubt does."""
    sid = f"SM{dice.getrandbits(128):032x}"
    found = await asyncio.gather(
        *[here.text(number, str(digit), process, sid) for process in processes]
    )
    assert set(found) == {200}


async def _is_quiet(here):
    (found,) = await here.rows("SELECT COUNT(*) FROM outbox WHERE status <> 'sent'")
    return not found[0]
