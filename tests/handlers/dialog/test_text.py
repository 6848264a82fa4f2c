from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.dialog import text

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"
ANY = st.characters(exclude_categories=[])


def packed(message: str) -> int:
    """Pack letter by letter with its marks, never splitting one: the plain way to count parts."""
    if set(message) <= set(BASIC + EXTENSION):
        sizes = [1 + (character in EXTENSION) for character in message]
        alone, part = 160, 153
    else:
        sizes = [0]
        for character in message:
            if character not in "\u0301\u064b\u0651\u200d":
                sizes.append(0)
            sizes[-1] += 1 + (ord(character) > 0xFFFF)
        alone, part = 70, 67
    if sum(sizes) <= alone:
        return 1
    parts, room = 0, 0
    for size in sizes:
        if size > room:
            parts, room = parts + 1, part
        room -= size
    return parts


def test_gsm7_alphabet() -> None:
    """The GSM alphabet is 127 characters and an extension of ten, and nothing else."""
    fits = {chr(point) for point in range(0x3000) if text.is_gsm7(chr(point))}
    assert fits == set(BASIC + EXTENSION)
    assert len(fits) == 137


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        # 152 and the first half of a pair would fill the part: the pair moves to the next.
        ("a" * 152 + "€" + "a" * 152, 3),
        ("a" * 151 + "€" + "a" * 153, 2),
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("ж" * 66 + "😀" + "ж" * 66, 3),
        ("a" * 70 + "`", 2),
        ("ж" * 66 + "e\u0301" + "ж" * 66, 3),
        ("ж" * 65 + "e\u0301" + "ж" * 67, 2),
        ("e" + "\u0301" * 66 + "ж" * 67, 2),
        ("e" + "\u0301" * 67 + "ж" * 66, 2),
        ("e" + "\u0301" * 150, 3),
        ("\u0301" * 71, 2),
    ],
)
def test_segments(message: str, parts: int) -> None:
    """A part holds 153 septets or 67 units of several, and no pair is split between two."""
    assert text.segments(message) == parts


@given(
    st.text(st.sampled_from("aé€[ж😀"), max_size=700)
    | st.text(st.sampled_from("ab€"), max_size=700)
    | st.text(st.sampled_from("😀ж"), max_size=400)
    | st.text(st.sampled_from("😀жeل\u0301\u064b\u0651\u200d"), max_size=300)
)
@settings(max_examples=300)
def test_segments_pack_exactly(message: str) -> None:
    """The count is that of packing letter by letter; the peers' test has Twilio's own count."""
    assert text.segments(message) == packed(message)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("plain", "plain"),
        ("It\u2019s \u201chere\u201d\u2026", 'It\'s "here"...'),
        ("10\u201312\u00a0June \u2014 free", "10-12 June - free"),
        ("a\tb`c\u200b", "a b'c"),
        ("Crème à 5€", "Crème à 5€"),
        ("Ça coûte \u20185\u2019", "Ça coûte \u20185\u2019"),  # û needs UCS-2 anyway
        ("\u00abماء\u00bb", "\u00abماء\u00bb"),
        ("N\u02bcko", "N\u02bcko"),  # that apostrophe is a letter
        ("🙂\u2026", "🙂\u2026"),
    ],
)
def test_plain(written: str, sent: str) -> None:
    """Typographic signs are folded where they alone would cost UCS-2; letters never are."""
    assert text.plain(written) == sent


@given(st.text(ANY, max_size=200))
@settings(max_examples=150)
@example("\u02b9")
def test_plain_never_costs_more(message: str) -> None:
    """Folding never adds a part, loses no letter, and is done once."""
    sent = text.plain(message)
    assert text.segments(sent) <= text.segments(message)
    assert [c for c in sent if c.isalnum()] == [c for c in message if c.isalnum()]
    assert text.plain(sent) == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Envíe un número", "Envie un numero"),
        ("\u201cSÍ\u201d, él Ñandú", '"SI", él Ñandu'),
        ("Crème", "Crème"),
        ("Ça coûte: sí", "Ça coûte: sí"),  # û needs UCS-2 anyway
        ("هنا \u2068Nimá\u2069.", "هنا Nimá."),
        ("\u2067x\u2069", "x"),
        ("\u200fنيما", "\u200fنيما"),
        ("a", "a"),
    ],
)
def test_basic(written: str, sent: str) -> None:
    """A basic phone gets no marks of stress where they cost UCS-2, and never an isolate."""
    assert text.basic(written) == sent


@given(st.text(ANY, max_size=200) | st.text(st.sampled_from("áíóúÁ“ab\u2068\u2069ш"), max_size=200))
@settings(max_examples=150)
def test_basic_never_costs_more(message: str) -> None:
    """It adds no part, costs no more than `plain`, keeps the letters, and is done once."""
    sent = text.basic(message)
    assert text.segments(sent) <= text.segments(text.plain(message)) <= text.segments(message)
    assert _letters(sent) == _letters(message)
    assert text.basic(sent) == sent


def _letters(message: str) -> str:
    return "".join(letter for letter in text.fold(message) if letter.isalnum())


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("as it is\n\tand tabs", "as it is\n\tand tabs"),
        ("a\0b", "a\ufffdb"),
        ("a\ud800", "a\ufffd"),
        ("\udc00a\ud83d", "\ufffda\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("bell\x07 esc\x1b del\x7f c1\x9f", "bell esc del c1"),
        ("one\r\ntwo\rthree\x85four\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("mark\u200fs stay", "mark\u200fs stay"),
    ],
)
def test_clean(raw: str, kept: str) -> None:
    """What no database or phone can hold is replaced or dropped; the rest stays."""
    assert text.clean(raw) == kept


@given(st.text(ANY, max_size=60), st.integers(0, 60))
@settings(max_examples=150)
@example("\ud83d\ude00", 1)
def test_clean_can_be_stored(raw: str, limit: int) -> None:
    """Cleaned text encodes, holds no control characters, obeys its limit and stays."""
    kept = text.clean(raw, limit)
    assert len(kept) <= limit
    assert not any(c < " " or "\x7f" <= c < "\xa0" for c in kept if c not in "\n\t")
    assert kept.encode().decode() == kept == text.clean(kept)


def test_clean_bounds_the_length() -> None:
    """A message keeps its first 10,000 characters."""
    assert text.clean("a" * 10_001) == "a" * 10_000


@pytest.mark.parametrize(
    ("message", "groups"),
    [
        ("2", ["2"]),
        (" 2. ", ["2"]),
        ("(2).", ["2"]),
        ("\u201c2\u201d", ["2"]),
        ("'2'", ["2"]),
        ("1 3", ["1", "3"]),
        ("1,3", ["1", "3"]),
        ("1\u060c3", ["1", "3"]),
        ("1\n3", ["1", "3"]),
        ("13", ["13"]),
        ("１３", ["13"]),
        ("（３）", ["3"]),
        ("٣", ["3"]),
        ("\u200f٣\u200f", ["3"]),
        ("۱۲", ["12"]),
        ("३।", ["3"]),
        ("2\ufe0f\u20e3", ["2"]),  # the keycap emoji
        ("፪", ["2"]),
        ("1.5", ["1", "5"]),
        ("0", ["0"]),
        ("", None),
        (" . ", None),
        ("two", ["2"]),
        ("two taps", None),
        ("2 please", None),
        ("#", None),
        ("#2", None),
        ("-3", None),
        ("+1", None),
        ("1/3", None),
        ("٣٫٥", None),
        ("½", None),
        ("二", None),
        ("🙂", None),
    ],
)
def test_read_digits(message: str, groups: list[str] | None) -> None:
    """Digits of any script are read through stray signs; anything else is not digits."""
    assert text.read_digits(message) == groups
    assert text.digits(message) == (groups[0] if groups and len(groups) == 1 else None)


@given(st.text(ANY, max_size=12) | st.text(st.sampled_from("12 .,(३٣x#"), max_size=8))
@settings(max_examples=200)
def test_read_digits_are_ascii(message: str) -> None:
    """Whatever is read can be read by int() and is what remains of the message."""
    groups = text.read_digits(message)
    if groups is None:
        assert not message.isdecimal()
    else:
        assert all(group.isascii() and group.isdigit() for group in groups)
        assert sum(map(len, groups)) == sum(c.isdigit() for c in message) > 0


def test_ascii_digits_leave_the_rest() -> None:
    """Only digits change."""
    assert text.ascii_digits("٢h à ३pm") == "2h à 3pm"
    assert text.ascii_digits("2h") == "2h"


def test_unmarked() -> None:
    """Direction marks and invisible spaces go; joiners, which shape letters, stay."""
    assert text.unmarked("\u200fa\u202eb\u2066c\ufeff\u200b") == "abc"
    assert text.unmarked("می\u200cخواهم") == "می\u200cخواهم"
    assert text.unmarked("abc") == "abc"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ACCRA  Water\n", "accra water"),
        ("Crème", "CREME"),
        ("Women\u2019s\u00a0Group", "women's group"),
        ("Straße", "STRASSE"),
        ("Ｎｉｍａ", "nima"),
        ("إيقاف", "ايقاف"),
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("\u200fNima", "NIMA"),
        ("Й", "и"),
        ("İzmir", "izmir"),
        ("N\u02bcko", "n'ko"),
    ],
)
def test_fold_joins(one: str, other: str) -> None:
    """Case, accents, spacing, width and marks don't part two spellings of a name."""
    assert text.fold(one) == text.fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nima", "Mina"),
        ("か", "が"),
        ("कत", "क्त"),
        ("ไม", "ไม่"),
        ("water 1", "water 2"),
        ("ab", "a b"),
    ],
)
def test_fold_parts(one: str, other: str) -> None:
    """Signs that make another word keep two names apart."""
    assert text.fold(one) != text.fold(other)


@given(st.text(ANY, max_size=40))
@settings(max_examples=200)
def test_fold_is_stable(message: str) -> None:
    """A key is its own key."""
    assert text.fold(text.fold(message)) == text.fold(message)


@pytest.mark.parametrize(
    ("message", "first"),
    [
        ("Stop. Thank you", "Stop"),
        ("stop, please", "stop"),
        ("Stop!", "Stop"),
        ("stop? really", "stop"),
        ("stop\nbye", "stop"),
        ("stop\rbye", "stop"),
        ("\n stop now ", "stop now"),
        ("...stop", "stop"),
        ("توقف؟ شكرا", "توقف"),
        ("停止。謝謝", "停止"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_first_sentence(message: str, first: str) -> None:
    """A sentence ends at its sign in any script, or with its line."""
    assert text.first_sentence(message) == first


# --- numbers in words ---


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("two", "2"), ("Two.", "2"), (" TWO ", "2"), ("(ten)", "10"), ("zero", "0"),
        ("dos", "2"), ("Una", "1"), ("zéro", "0"), ("deux", "2"),
        ("اثنين", "2"), ("أربعة", "4"), ("اربعة", "4"), ("ثَلاثة", "3"), ("صفر", "0"),
    ],
)  # fmt: skip
def test_a_number_may_be_a_word(written, number):
    """Whoever has no digits at hand writes them out, in any of the languages."""
    assert text.digits(written) == number


@pytest.mark.parametrize("written", ["two three", "two taps", "twoo", "2 two", "on", "tenth", ""])
def test_more_than_a_number_is_none(written):
    """A word beside it, or one that is nearly one."""
    assert text.digits(written) is None


def test_no_word_for_a_number_means_something_else():
    """In one language or another, or to a command or a STOP."""
    from handlers.dialog import turn  # noqa: PLC0415  the rest here needs no engine
    from handlers.dialog.stop import WORDS, stop_word  # noqa: PLC0415

    found = text.number_words()
    assert not set(found) & set(turn.words(("en", "es", "fr", "ar")))
    assert [word for word in found if stop_word(word, WORDS)] == []
    for words in text._NUMBER_WORDS:
        for number, alike in enumerate(words.split()):
            assert {found[text.fold(word)] for word in alike.split("/")} == {str(number)}
