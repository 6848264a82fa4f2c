from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.channels.base import Choice, digest
from bot.sending.render import Renderer
from handlers.dialog import charts, results
from handlers.dialog.catalogues import catalogue
from storage import batches, drafts
from storage.instant import DAY
from tests.bot.sending.office import ALLIANCE


async def rendered(post, renderer=None, **row):
    """Return what a row says."""
    renderer = renderer or Renderer(ALLIANCE)
    wanted = {
        "batch_id": None, "kind": 1, "text": "", "choices": "", "language": "en",
        "round_id": None, "question": None, "introduced": True,
    } | row  # fmt: skip
    return await post.database.read(lambda tx: renderer.render(tx, **wanted))


async def put(post, batch, **texts):
    """Let a batch say something else."""
    await post.database.write(lambda tx: batches.extend(tx, batch, texts, DAY))


async def test_a_reply_says_its_own_text_with_its_buttons(post):
    """A reply carries everything itself."""
    choices = json.dumps([["Yes", "c:1"], ["No", "c:2"]])
    found = await rendered(post, kind=0, text="Sure? 1 Yes 2 No", choices=choices)
    assert found.text == "Sure? 1 Yes 2 No"
    assert found.choices == (Choice("Yes", "c:1"), Choice("No", "c:2"))
    assert (found.segments, found.digest) == (1, digest("Sure? 1 Yes 2 No"))


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Water"), ("es", "Agua"), ("fr", "Water"), ("", "Water")]
)
async def test_bulk_says_its_batch_s_text_in_the_person_s_language(post, language, text):
    """Where the batch has no text in it, the default's."""
    batch = await post.batch()
    await put(post, batch, en="Water", es="Agua")
    assert (await rendered(post, batch_id=batch, language=language)).text == text


async def test_who_was_signed_up_by_others_is_first_told_who_writes(post):
    """Before the first bulk message, and never before a reply."""
    batch = await post.batch("Water.")
    greeted = await rendered(post, batch_id=batch, introduced=False)
    assert greeted.text == "This is Nima Water. STOP ends it. Water."
    assert (await rendered(post, batch_id=batch)).text == "Water."
    assert (await rendered(post, kind=0, text="Hi.", introduced=False)).text == "Hi."


async def test_a_basic_phone_gets_what_it_can_show(post):
    """Where SMS parts are counted no isolate and no dear accent leaves; elsewhere all of it."""
    written = {"text": "Envíe un número, \u2068Nima\u2069.", "kind": 0}
    sms = await rendered(post, **written)
    assert (sms.text, sms.segments) == ("Envie un numero, Nima.", 1)
    assert sms.digest == digest(sms.text)
    chat = await rendered(post, Renderer(ALLIANCE, basic=False), **written)
    assert chat.text == written["text"]


async def test_words_of_ours_are_said_in_what_was_accepted(post):
    """A draft's introduction is English until somebody has accepted it; the text is as written."""
    alliance = replace(ALLIANCE, languages=("en", "es"))
    batch = await post.batch()
    await put(post, batch, en="Water", es="Agua")
    row = {"batch_id": batch, "language": "es", "introduced": False}
    said = await rendered(post, Renderer(alliance), **row)
    assert said.text == "This is Nima Water. STOP ends it. Agua"
    digest_ = catalogue("es").digest
    await post.database.write(lambda tx: drafts.accept(tx, "es", digest_, None, 1))
    said = await rendered(post, Renderer(alliance), **row)
    assert said.text == "Somos Nima Water. Envie PARAR para no recibir mas. Agua"


async def test_a_question_carries_the_buttons_of_its_round(post):
    """Each button names the round, the position and the answer."""
    round_id = await post.round()
    batch = await post.batch("Which first? 1 Taps 2 Price", round_id)
    found = await rendered(post, batch_id=batch, round_id=round_id, question=0)
    data = [choice.data for choice in found.choices]
    assert data[:2] == [f"a:{round_id}:0:1", f"a:{round_id}:0:2"]


async def result_of(post, **counts):
    """Return a batch that tells a closed round's result."""
    round_id = await post.round()
    kept = results.dump([results.Result(sum(counts.values()), counts)])
    await post.run("UPDATE rounds SET result = :kept WHERE id = :id", kept=kept, id=round_id)
    batch = await post.batch("Result: see.", round_id)
    await post.run("UPDATE batches SET kind = 'result' WHERE id = :id", id=batch)
    return batch


async def test_a_result_has_its_chart_where_pictures_are_shown(post):
    """It is made of what is kept with the round, once for all of one language; elsewhere, and of
    any other batch, there is none.
    """
    shows = Renderer(ALLIANCE, basic=False, pictures=True)
    batch = await result_of(post, **{"1": 4, "2": 1})
    chart = charts.load((await rendered(post, shows, batch_id=batch)).picture)
    assert [count for _, count in chart.bars] == [4, 1]
    assert (await rendered(post, batch_id=batch)).picture == ""
    asked = await post.batch("Which?", await post.round())
    assert (await rendered(post, shows, batch_id=asked)).picture == ""


async def test_a_reply_has_its_own_picture(post):
    """As it was queued; none where none is shown."""
    shows = Renderer(ALLIANCE, basic=False, pictures=True)
    reply = {"kind": 0, "text": "Result", "picture": "{}"}
    assert (await rendered(post, shows, **reply)).picture == "{}"
    assert (await rendered(post, **reply)).picture == ""


async def test_what_a_batch_says_is_read_again_once_it_was_changed(post):
    """It is kept until then, since a batch has a million rows."""
    renderer, batch = Renderer(ALLIANCE), await post.batch("by Friday")
    assert (await rendered(post, renderer, batch_id=batch)).text == "by Friday"
    await put(post, batch, en="by Sunday")
    assert (await rendered(post, renderer, batch_id=batch)).text == "by Friday"
    renderer.forget()
    assert (await rendered(post, renderer, batch_id=batch)).text == "by Sunday"


async def test_what_was_read_before_a_change_is_not_kept_after_it(post):
    """A reader may stand on an older snapshot while it hears that all has changed."""
    renderer, batch = Renderer(ALLIANCE), await post.batch("by Friday")

    async def unit(tx):
        await tx.rows("SELECT 1 FROM batches")
        await put(post, batch, en="by Sunday")
        reading = tx.row

        async def slow(*arguments, **values):
            found = await reading(*arguments, **values)
            renderer.forget()
            return found

        tx.row = slow
        return await renderer.render(
            tx, batch_id=batch, kind=1, text="", choices="", language="en", round_id=None,
            question=None, introduced=True,
        )  # fmt: skip

    assert (await post.database.read(unit)).text == "by Friday"
    assert (await rendered(post, renderer, batch_id=batch)).text == "by Sunday"
