from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.dialog import drafts
from handlers.dialog.catalogues import catalogue
from handlers.dialog.preview import preview
from storage import drafts as stored
from storage.audience import All


async def accept(store, language):
    """Accept a language's draft as it is."""
    digest = catalogue(language).digest
    return await store.write(lambda tx: stored.accept(tx, language, digest, None, store.now))


@pytest.mark.parametrize(
    ("languages", "accepted", "spoken"),
    [
        (("en",), (), {"en": "en"}),
        (("en", "es"), (), {"en": "en", "es": "en"}),
        (("en", "es"), ("es",), {"en": "en", "es": "es"}),
        (("ar", "es", "en"), (), {"ar": "en", "es": "en", "en": "en"}),
        (("ar", "es", "en"), ("es",), {"ar": "es", "es": "es", "en": "en"}),
        (("ar",), (), {"ar": "en"}),
        (("ar",), ("ar",), {"ar": "ar"}),
        (("fr", "ar"), (), {"fr": "fr", "ar": "fr"}),
    ],
)
async def test_what_goes_to_many_is_said_in_what_was_accepted(store, languages, accepted, spoken):
    """A draft is said in the first language of the alliance that may be, else in English."""
    alliance = replace(store.alliance, languages=languages)
    for language in accepted:
        await accept(store, language)
    assert await store.write(lambda tx: drafts.spoken(tx, alliance)) == spoken
    said = await store.write(lambda tx: drafts.texts(tx, alliance, lambda code: f"in {code}"))
    assert said == {language: f"in {instead}" for language, instead in spoken.items()}


async def test_a_changed_draft_is_another_one(store, monkeypatch):
    """What was accepted is these texts and no others."""
    alliance = replace(store.alliance, languages=("en", "es"))
    assert await accept(store, "es")
    assert not await accept(store, "es")
    assert await store.write(lambda tx: drafts.unaccepted(tx, alliance.languages)) == []
    monkeypatch.setattr(catalogue("es"), "digest", "0123456789abcdef")
    assert await store.write(lambda tx: drafts.unaccepted(tx, alliance.languages)) == ["es"]


async def test_the_preview_names_the_drafts_that_its_people_read(store):
    """Only those that matter here: nobody of this audience reads the other."""
    store.alliance = replace(store.alliance, languages=("en", "es", "ar"))
    await store.member(0, language="es")
    await store.member(1)

    async def told():
        found = await store.write(
            lambda tx: preview(tx, store.alliance, All(), {"en": "Hi"}, {}, store.now)
        )
        return found.drafts

    assert await told() == ("es",)
    await accept(store, "es")
    assert await told() == ()
