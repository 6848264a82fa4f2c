from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from handlers.dialog import catalogues, turn
from handlers.dialog.catalogues import catalogue
from handlers.dialog.messages import LANGUAGES, Message, command_word
from handlers.dialog.stop import WORDS, stop_word
from handlers.dialog.text import basic, fold, is_gsm7, segments
from tests.catalogues import said as messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SAID = messages()
# Twilio acts on these by itself, where the account has not changed them.
# Source: support.twilio.com, "Twilio support for opt-out keywords (SMS STOP filtering)".
TWILIO = [
    *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
    *("START", "YES", "UNSTOP", "HELP", "INFO"),
]
KNOWN = sorted({*LANGUAGES, *WORDS})


def longest(message: Message, language: str = "en") -> str:
    """Return a message with the longest value in each of its fields."""
    return message.say(language, **dict(message.longest))


def fields(text: str) -> set[str]:
    """Return the names of a text's fields."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("message", SAID, ids=lambda m: m.text[:40])
def test_at_its_longest_two_segments(message: Message) -> None:
    """Whatever is filled in, a message is at most two segments of the GSM alphabet."""
    text = longest(message)
    assert is_gsm7(text)
    assert segments(text) <= 2


@pytest.mark.parametrize("message", SAID, ids=lambda m: m.text[:40])
def test_its_fields_are_bounded(message: Message) -> None:
    """Each field of a message has its longest value, and there is none but the fields."""
    assert fields(message.text) == {name for name, _ in message.longest}


@pytest.mark.parametrize("message", [m for m in SAID if " " in m.text], ids=lambda m: m.text[:40])
def test_no_message_commands(message: Message) -> None:
    """No message of ours begins with a word on which another Switchboard would act.

    Save for one that names a poll's result: there is no such poll at the other end.
    """
    first = fold(message.text.partition(" ")[0].rstrip(".,:!?"))
    assert first not in {fold(word) for word in turn.commands() if word != "RESULT"}
    assert stop_word(longest(message), KNOWN) is None


def test_no_link_by_sms() -> None:
    """No message carries a link, but the one that a group in a chat is answered with."""
    links = [message.text for message in SAID if re.search(r"https?:|www\.", longest(message))]
    assert links == ["Please write to me privately: {link}"]


def test_digits_are_the_only_answers() -> None:
    """Each command is one word that a keypad can type."""
    assert [word for word in turn.commands() if not re.fullmatch(r"[A-Z]{2,12}", word)] == []


# --- command words ---


@pytest.mark.parametrize("language", KNOWN)
def test_no_two_commands_share_a_word(language: str) -> None:
    """In no language does a command's word mean another command, there or in English."""
    meant: dict[str, str] = {fold(word): word for word in turn.commands()}
    for word in turn.commands():
        translated = fold(command_word(language, word))
        assert meant.setdefault(translated, word) == word


@pytest.mark.parametrize("language", KNOWN)
def test_no_command_is_a_stop_word(language: str) -> None:
    """Only STOP, START and HELP mean what they mean, in any language and to Twilio."""
    for word in turn.commands():
        if word in ("STOP", "START", "HELP"):
            assert stop_word(word, [language]) == word.lower()
            continue
        for said in (word, command_word(language, word)):
            assert stop_word(said, KNOWN) is None
            assert fold(said) not in map(fold, TWILIO)


def test_what_twilio_does_by_itself_we_do_too() -> None:
    """Each of Twilio's words means the same here, but for YES, which answers questions."""
    for word in TWILIO:
        assert (stop_word(word, ["en"]) is None) == (word == "YES")


def test_words_of_several_languages_work_together() -> None:
    """English works in every alliance, beside the words of its languages."""
    found = turn.words(("es", "fr"))
    for word in turn.commands():
        assert found[fold(word)].word == word


# --- catalogues ---


@pytest.fixture
def spanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue that says some things in Spanish."""
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalog = Catalog(locale="es", fuzzy=False)
    for context, text, said in (
        (None, WELCOME_BACK, "Hola de nuevo a {alliance}."),
        ("command", "POLLS", "ENCUESTAS"),
        ("command", "SKIP", "SALTAR"),
        (None, ("{n} person at {place}.", "{n} people at {place}."),
         ("Una persona en {place}, que es lo que se dice largamente.", "{n} en {place}.")),
        ("short", ("{n} person at {place}.", "{n} people at {place}."),
         ("Una en {place}.", "{n}: {place}.")),
        (None, "At {place}, say long.", "En {place}, que es lo que se dice largamente."),
        ("short", "At {place}, say long.", "En {place}."),
    ):  # fmt: skip
        catalog.add(text, said, context=context)
    with (folder / f"{catalogues.DOMAIN}.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(catalogues, "LOCALE", tmp_path)
    catalogue.cache_clear()
    turn.words.cache_clear()
    yield
    catalogue.cache_clear()
    turn.words.cache_clear()


WELCOME_BACK = "Welcome back to {alliance}. POLLS shows what is open, HELP what you can send."
PEOPLE = Message("{n} person at {place}.", (), "{n} people at {place}.", "n")
PLACE = Message("At {place}, say long.", ())


def test_a_catalogue_is_spoken(spanish: None) -> None:
    """A message with a translation is said in the language, with its fields filled in."""
    from handlers.leave import STARTED  # noqa: PLC0415

    assert STARTED.say("es", alliance="Nima") == "Hola de nuevo a Nima."
    assert STARTED.say("en", alliance="Nima").startswith("Welcome back to Nima")
    assert STARTED.say("fr", alliance="Nima").startswith("Welcome back to Nima")
    assert STARTED.template("es") == "Hola de nuevo a {alliance}."


def test_a_message_without_a_translation_is_said_in_english(spanish: None) -> None:
    """What a catalogue does not have is said in English."""
    from handlers.skip import NOTHING  # noqa: PLC0415

    assert NOTHING.say("es") == NOTHING.template("es") == NOTHING.text
    other = Message("{n} tap.", (), "{n} taps.", "n")
    assert [other.say("es", n=n) for n in (1, 2)] == ["1 tap.", "2 taps."]


def test_a_command_has_its_word_in_the_catalogue(spanish: None) -> None:
    """A command's word in a language works beside the English one, in any case and accent."""
    found = turn.words(("es",))
    assert found[fold("Encuestas")].word == "POLLS"
    assert found[fold("polls")].word == "POLLS"
    assert fold("encuestas") not in turn.words(("en",))
    assert command_word("es", "SKIP") == "SALTAR"


@pytest.mark.parametrize(
    ("language", "n", "said"),
    [
        ("en", 1, "1 person at Nima."),
        ("en", 2, "2 people at Nima."),
        ("en", "1", "1 person at Nima."),
        ("en", "100+", "100+ people at Nima."),
        ("es", 1, "Una persona en Nima, que es lo que se dice largamente."),
        ("es", 0, "0 en Nima."),
        ("es", "100+", "100+ en Nima."),
    ],
)
def test_a_count_chooses_the_words(spanish: None, language: str, n: object, said: str) -> None:
    """What is said of one is not what is said of many."""
    assert PEOPLE.say(language, n=n, place="Nima") == said


@pytest.mark.parametrize("place", ["ж" * 60, "ж" * 120])
def test_what_is_too_long_is_said_shortly(spanish: None, place: str) -> None:
    """Past two parts the short form is said, but for where there is room for the full one."""
    is_long = len(place) > 100
    whole = f"En {place}, que es lo que se dice largamente."
    assert PLACE.say("es", place=place) == (f"En {place}." if is_long else whole)
    assert PLACE.say("es", True, place=place) == whole
    of_one = PEOPLE.say("es", n=1, place=place)
    assert of_one.startswith("Una en" if is_long else "Una persona en")
    assert PLACE.say("en", place=place) == f"At {place}, say long."


def test_values_are_isolated_where_a_text_runs_from_right_to_left() -> None:
    """In Arabic each value stands between isolates, which a basic phone never gets."""
    from handlers.leave import STARTED  # noqa: PLC0415

    said = STARTED.say("ar", alliance="Nima")
    assert "\u2068Nima\u2069" in said
    assert "Nima" in basic(said)
    assert not {"\u2068", "\u2069"} & set(basic(said))


def test_a_message_counts_by_one_of_its_fields() -> None:
    """Each message with plurals names a field that it has; English is complete."""
    for message in SAID:
        assert bool(message.by) == bool(message.many)
        assert not message.by or message.by in dict(message.longest)
        assert fields(message.many or message.text) == fields(message.text)
