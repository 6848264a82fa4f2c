from __future__ import annotations

import json
from dataclasses import replace

import pytest

from handlers.announce import MOST_SEGMENTS, announce, check
from handlers.dialog.text import segments
from storage.audience import All, Platform
from storage.errors import BadInput
from storage.instant import HOUR
from tests.handlers.conftest import ALLIANCE, NOON

TWO = replace(ALLIANCE, languages=("en", "es"))


@pytest.mark.parametrize(
    ("texts", "ready"),
    [
        ({"en": "Hello"}, {"en": "Hello"}),
        ({"en": "  Hello \n"}, {"en": "Hello"}),
        ({"en": "\u201cHello\u201d\u2026"}, {"en": '"Hello"...'}),
        ({"en": "a\r\nb\0"}, {"en": "a\nb\ufffd"}),
        ({"es": "Hola", "en": "Hello"}, {"en": "Hello", "es": "Hola"}),
        ({"en": "x" * 1_530}, {"en": "x" * 1_530}),
        ({"en": "\u0663" * 670}, {"en": "\u0663" * 670}),
    ],
)
def test_a_text_is_made_ready_to_send(texts, ready):
    """Texts are trimmed and folded to cheap letters, the default language's first."""
    assert list(check(TWO, texts).items()) == list(ready.items())


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({}, "needs a text"),
        ({"en": ""}, "needs a text"),
        ({"en": " \n\u200f"}, "needs a text"),
        ({"es": "Hola"}, "needs a text"),
        ({"en": "Hello", "es": "  "}, "needs a text"),
        ({"en": "Hello", "fr": "Salut"}, "does not speak fr: its languages are en, es"),
        ({"en": "x" * 1_531}, "longer than 10 SMS"),
        ({"en": "Hello", "es": "\u0663" * 671}, "longer than 10 SMS"),
    ],
)
def test_a_text_that_can_not_be_sent_is_refused(texts, told):
    """No text, one too long or in a language that nobody here speaks is told in plain words."""
    with pytest.raises(BadInput, match=told):
        check(TWO, texts)


def test_the_longest_text_takes_ten_segments():
    """The table's longest texts are at the bound itself."""
    assert segments("x" * 1_530) == segments("\u0663" * 670) == MOST_SEGMENTS


@pytest.mark.parametrize(
    ("at", "state"), [(NOON, "queueing"), (NOON - HOUR, "queueing"), (NOON + HOUR, "scheduled")]
)
async def test_an_announcement_is_kept_with_its_audience_and_time(store, at, state):
    """It is due at its instant, and ends its time to live after it, or after now if later."""
    number = await store.write(
        lambda tx: announce(
            tx, TWO, Platform("nima"), {"es": "Hola", "en": "Hello"}, at=at, by=None, now=NOON
        )
    )
    [(kind, audience, texts, solicited, due_at, expires_at, found)] = await store.rows(
        "SELECT kind, audience, texts, solicited, due_at, expires_at, state FROM batches"
        " WHERE id = :id",
        id=number,
    )
    assert (kind, audience, solicited, due_at, found) == ("announcement", "nima", 0, at, state)
    assert json.loads(texts) == {"en": "Hello", "es": "Hola"}
    assert expires_at == max(at, NOON) + 48 * HOUR
    assert await store.rows("SELECT act, subject, subject_id, count FROM audit") == [
        ("announcement", "batch", number, 0)
    ]


async def test_nothing_is_kept_of_an_announcement_that_is_refused(store):
    """A refused text leaves neither a broadcast nor a trace in the audit."""
    with pytest.raises(BadInput):
        await store.write(
            lambda tx: announce(tx, TWO, All(), {"en": ""}, at=NOON, by=None, now=NOON)
        )
    assert await store.rows("SELECT 1 FROM batches UNION ALL SELECT 1 FROM audit") == []
