"""Our count of SMS parts beside Twilio's own; where they differ it is told why ours stays."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.dialog.text import is_gsm7, segments
from tests.peers.segment_counter import counter

GSM7 = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€\f"
)
# Letters and the marks that stand on them: accents, Arabic and Hebrew points, Devanagari signs.
LETTERS = "aeéñжوصلसנ中ñ€[ "
MARKS = "\u0301\u0323\u064e\u0651\u0940\u05b8"
BEYOND = "😀𝒜🙂"


@pytest.fixture(scope="module")
def count():
    """Twilio's counter."""
    with counter() as found:
        yield found


@given(st.text(st.sampled_from(GSM7) | st.sampled_from("a€\n"), max_size=700))
@settings(max_examples=300)
@example("a" * 152 + "€" + "a" * 152)
@example("€" * 153)
def test_gsm7_parts_are_twilios(count, text):
    """160 septets, or 153 a part, an extension's two never split: as Twilio counts."""
    assert count(text) == ("GSM-7", segments(text))


@given(st.text(st.sampled_from(LETTERS + MARKS + BEYOND), max_size=300))
@settings(max_examples=300)
@example("ж" * 66 + "😀" + "ж" * 66)
@example("ж" * 66 + "a\u0301" + "ж" * 66)
@example("ا" * 66 + "ل\u0651\u064e" + "ا" * 66)
def test_ucs2_parts_are_twilios(count, text):
    """70 units, or 67 a part, no pair and no letter split from its marks: as Twilio counts."""
    encoding = "GSM-7" if is_gsm7(text) else "UCS-2"
    assert count(text) == (encoding, segments(text))


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        # Emojis joined by U+200D are a whole to the eye, but each is a character of its own: a
        # phone puts the parts together (3GPP TS 23.040, 9.2.3.24.1) before it draws them.
        ("ж" * 64 + "👩\u200d👧" + "ж" * 65, 2, 3),
        # A flag is two characters of its own, in the same way.
        ("ж" * 65 + "🇬🇭" + "ж" * 65, 2, 3),
        # More marks than a part holds are split after all: theirs lets the part overflow.
        ("a" + "\u0301" * 150, 3, 2),
    ],
    ids=["joined emojis", "a flag", "a pile of marks"],
)
def test_where_the_two_differ(count, text, ours, theirs):
    """These alone are counted otherwise, each for its reason."""
    assert (segments(text), count(text)[1]) == (ours, theirs)
