from __future__ import annotations

import gettext
import re
import string
import unicodedata
from typing import TYPE_CHECKING

import pytest
from bidi import get_display
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config.sections import DEFAULT_TYPES
from handlers.dialog import turn
from handlers.dialog.catalogues import COMMAND, SHORT, TYPE, between, catalogue, isolated, name_in
from handlers.dialog.forms import Form, Option, Question, ask
from handlers.dialog.messages import LANGUAGES, Message, command_word, type_lines
from handlers.dialog.stop import WORDS, stop_word
from handlers.dialog.text import BEGINNING, basic, fold, is_gsm7, segments
from handlers.join import ASK_TYPE
from tests import catalogues

if TYPE_CHECKING:
    from collections.abc import Iterator

SAID = catalogues.said()
SHIPPED = catalogues.languages()
KNOWN = sorted({*LANGUAGES, *WORDS})
# Of a hundred texts so many are translated before a release; `make catalogues` lists the others.
COMPLETE = 95
# What repeats people's words shortens them until two parts hold them, or refuses them.
WORDS_OF_PEOPLE = {"text": BEGINNING // 4, "facts": BEGINNING // 4}


def fields(text: str) -> list[str]:
    """Return the names of a text's fields, in their order."""
    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def forms(language: str, message: Message, context: str | None = None) -> list[str]:
    """Return the templates of a message, one for each plural form; none where it has none."""
    found = catalogues.read(language).get(
        catalogues.Entry(None, message.text, message.many).id, context
    )
    if found is None or not found.string:
        return []
    return list(found.string) if isinstance(found.string, tuple) else [found.string]


def templates(language: str) -> Iterator[tuple[Message, str]]:
    """Yield every message with each of its templates, short ones too."""
    catalog = catalogues.read(language)
    for message in SAID:
        for context in (None, SHORT):
            found = catalog.get(catalogues.Entry(None, message.text, message.many).id, context)
            if found is not None and found.string:
                strings = found.string if isinstance(found.string, tuple) else (found.string,)
                yield from ((message, text) for text in strings)


def longest(message: Message) -> dict[str, str]:
    """Return the longest value of each field in an alphabet of which few letters fit."""
    return {name: value[: WORDS_OF_PEOPLE.get(name, 999)] for name, value in message.longest}


@pytest.mark.parametrize("language", SHIPPED)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    """The .mo that the program reads has the texts of the .po beside it: run `make catalogues`."""
    with catalogues.source(language, "mo").open("rb") as file:
        there = gettext.GNUTranslations(file)
    wanted: dict[object, str] = {}
    for message in catalogues.read(language):
        if not message.id or not message.string:
            continue
        plural = isinstance(message.id, tuple)
        key = message.id[0] if plural else message.id
        key = f"{message.context}\x04{key}" if message.context else key
        wanted |= (
            {(key, n): text for n, text in enumerate(message.string)}
            if plural
            else {key: message.string}
        )
    kept = {key: text for key, text in there._catalog.items() if key}  # type: ignore[attr-defined]
    assert kept == wanted


@pytest.mark.parametrize("language", SHIPPED)
def test_nearly_all_is_translated(language: str) -> None:
    """What nobody has translated yet is said in English, and stays the exception."""
    lacks = catalogues.missing(language)
    assert 100 * len(lacks) <= (100 - COMPLETE) * len(catalogues.entries()), lacks


@pytest.mark.parametrize("language", SHIPPED)
def test_a_translation_has_the_fields_of_its_message(language: str) -> None:
    """No field is lost or made up; a form that stands for one number need not show it.

    A short one may leave out what makes it long, but keeps codes and keys to be typed.
    """
    wrong = []
    for message in SAID:
        wanted = {name for name, _ in message.longest}
        wrong += [
            text
            for text in forms(language, message)
            if set(fields(text)) | {message.by or "-"} != wanted | {message.by or "-"}
        ]
        typed = wanted & {"code", "key", "answer", "alliance"}
        wrong += [
            text
            for text in forms(language, message, SHORT)
            if not typed <= set(fields(text)) <= wanted
        ]
    assert wrong == []


@pytest.mark.parametrize("language", SHIPPED)
def test_plurals_are_complete(language: str) -> None:
    """A message with a count is translated in each of the language's plural forms."""
    plurals = catalogues.read(language).num_plurals
    for message in (message for message in SAID if message.by):
        for context in (None, SHORT):
            found = forms(language, message, context)
            assert not found or (len(found) == plurals and all(found)), message.text


@pytest.mark.parametrize("language", SHIPPED)
def test_two_parts_hold_each_message(language: str) -> None:
    """At its longest values a message has two SMS parts at most, or a short form that has."""
    long = []
    for message in SAID:
        short = forms(language, message, SHORT)
        found = forms(language, message)
        for at, text in enumerate(found):
            values = longest(message)
            if segments(basic(text.format(**values))) <= 2:
                continue
            if not short or segments(basic(short[at].format(**values))) > 2:
                size = len((short or found)[at].format(**values))
                long.append((size, message.text))
    assert long == []


@pytest.mark.parametrize("language", SHIPPED)
def test_two_parts_hold_the_menu_of_types(language: str) -> None:
    """The longest question of the sign-up, with its default options, fits too."""
    options = tuple(
        Option(value=entry.code, text=type_lines(entry.line, (language,)))
        for entry in DEFAULT_TYPES
        if entry.line
    )
    question = Question(kind="choice", text={language: ASK_TYPE.template(language)}, sets="type")
    form = Form(name="join", privacy="named", questions=(question,))
    assert segments(basic(ask(form, 0, options, language))) <= 2


@pytest.mark.parametrize("language", SHIPPED)
def test_a_language_of_latin_letters_costs_no_more(language: str) -> None:
    """What GSM-7 can hold, once marks of stress are away, stays GSM-7."""
    if catalogue(language).right_to_left:  # type: ignore[union-attr]
        return
    assert [text for _, text in templates(language) if not is_gsm7(basic(text))] == []


@pytest.mark.parametrize("language", SHIPPED)
def test_no_message_commands_in_any_language(language: str) -> None:
    """No message begins with a word on which another Switchboard would act, or is such a word.

    Save for one that names a poll's result: there is no such poll at the other end.
    """
    words = {
        fold(command_word(code, word))
        for code in ("en", *SHIPPED)
        for word in turn.commands()
        if word != "RESULT"
    }
    for message, text in templates(language):
        first = fold(text.partition(" ")[0].rstrip(".,:!?،؟"))
        assert first not in words or " " not in text, text
        assert stop_word(text.format(**dict(message.longest)), KNOWN) is None, text


@pytest.mark.parametrize("language", SHIPPED)
def test_the_words_it_tells_to_send_are_its_own(language: str) -> None:
    """Where the English message names a command, the translation names that command's word.

    In full, for a short form has no room for each.
    """
    own = {word: command_word(language, word) for word in turn.commands()}
    wrong = []
    for message in SAID:
        named = set(re.findall(r"\b[A-Z]{2,}\b", message.text)) & set(own)
        for text in forms(language, message):
            there = {word for word in named if own[word] in text}
            wrong += [(word, text) for word in sorted(named - there)]
    assert wrong == []


# --- command words ---


@pytest.mark.parametrize("language", SHIPPED)
def test_each_command_has_one_word_of_its_own(language: str) -> None:
    """A command's word is one word that a keypad types, and no other's in any language."""
    meant: dict[str, str] = {fold(word): word for word in turn.commands()}
    for code in SHIPPED:
        for word in turn.commands():
            said = command_word(code, word)
            assert said.isalpha()
            assert len(said) <= 12
            assert meant.setdefault(fold(said), word) == word


def test_no_word_is_another_languages_stop_word() -> None:
    """STOP, START and HELP mean themselves in each language, and nothing else means them."""
    for language in SHIPPED:
        for word in turn.commands():
            meaning = stop_word(command_word(language, word), KNOWN)
            wanted = word.lower() if word in ("STOP", "START", "HELP") else None
            assert meaning == wanted, (language, word)


# --- right to left ---


def letters_between(text: str) -> list[str]:
    """Return what stands before a text's first field, and between the others."""
    return [before for before, name, _, _ in string.Formatter().parse(text) if name is not None]


@pytest.mark.parametrize("language", [c for c in SHIPPED if catalogue(c).right_to_left])  # type: ignore[union-attr]
def test_a_word_of_its_script_parts_two_values(language: str) -> None:
    """Right to left no message begins with a value, and no two stand beside each other.

    A phone takes the direction of a text from its first letter; and of two values in Latin letters
    or digits side by side, without a word between, the second would be read first.
    """
    wrong = [
        text
        for _, text in templates(language)
        if not all(
            any(unicodedata.bidirectional(c) in ("R", "AL") for c in part)
            for part in letters_between(text)
        )
    ]
    assert wrong == []


LATIN = st.text(st.sampled_from("Nima 12(b)-+.,/:"), min_size=1, max_size=12).map(str.strip)
ARABIC = st.text(st.sampled_from("نيما 12(ب)-+،./:"), min_size=1, max_size=12).map(str.strip)
MIXED = st.text(st.sampled_from("نيNi 12(ب)-"), min_size=1, max_size=12).map(str.strip)


def seen(text: str) -> str:
    """Return a line as a phone draws it whose text runs from right to left."""
    return str(get_display(text, base_dir="R"))


@given(LATIN | ARABIC | MIXED, LATIN | ARABIC | MIXED)
@settings(max_examples=300)
def test_an_isolated_value_stands_as_it_is(name: str, other: str) -> None:
    """Between isolates a value of any direction is drawn as it would be alone, the first first."""
    line = f"هنا {isolated(name)} - {isolated(other)}."
    alone = [str(get_display(value)) for value in (name, other)]
    drawn = basic(seen(line))
    assert drawn == f".{alone[1]} - {alone[0]} " + str(get_display("هنا"))


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        (("Taps", "Price"), ["Taps 1", "Price 2"]),
        (("English", "العربية"), ["English 1", str(get_display("العربية")) + " 2"]),
    ],
)
def test_a_list_keeps_its_numbers_without_isolates(
    options: tuple[str, ...], drawn: list[str]
) -> None:
    """By SMS each option has its line, where no number can move to another's words."""
    lines = between("ar").join(f"{n} {option}" for n, option in enumerate(options, 1))
    assert [seen(line) for line in lines.split("\n")] == drawn
    assert seen("سؤال 1 Taps 2 Price").startswith("Taps 2 Price 1")  # as it would be beside it
    assert between("en") == between("es") == between("fr") == " "


def test_only_what_runs_from_right_to_left_is_isolated() -> None:
    """A name stands between isolates in Arabic, as it is elsewhere; nothing becomes of nothing."""
    assert name_in("ar", "Nima") == "\u2068Nima\u2069"
    assert [name_in(code, "Nima") for code in ("en", "es", "fr")] == ["Nima"] * 3
    assert isolated("") == ""


# --- what is known of a catalogue ---


@pytest.mark.parametrize("language", SHIPPED)
def test_a_shipped_catalogue_is_a_draft(language: str) -> None:
    """What no alliance has read yet is marked so, and has a digest by which it is accepted."""
    found = catalogue(language)
    assert found is not None
    assert found.is_draft
    assert found.complete >= COMPLETE
    assert re.fullmatch(r"[0-9a-f]{16}", found.digest)


def test_a_region_speaks_its_language() -> None:
    """es_MX has the Spanish catalogue; English and a language without one have none."""
    assert catalogue("es_MX").digest == catalogue("es").digest  # type: ignore[union-attr]
    assert catalogue("en") is catalogue("fr") is None


def test_the_menu_of_types_is_translated() -> None:
    """The default lines have their translations, and an alliance's own stays as it is."""
    assert type_lines("Media", ("en", "es", "fr")) == {"": "Media", "es": "Prensa o radio"}
    assert type_lines("Fishers", ("es",)) == {"": "Fishers", "es": "Fishers"}
    assert {entry.context for entry in catalogues.entries()} == {None, COMMAND, TYPE}
