from __future__ import annotations

import importlib
import pkgutil
import re
import string
import struct
from typing import TYPE_CHECKING

import pytest

import bot
import handlers
import handlers.dialog
import scheduler
from handlers.dialog import messages, turn
from handlers.dialog.messages import LANGUAGES, MESSAGES, Message, catalogue, command_word
from handlers.dialog.stop import WORDS, stop_word
from handlers.dialog.text import fold, is_gsm7, segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def load_all() -> None:
    """Import every module that may say something."""
    for package in (handlers, bot, scheduler):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


load_all()
SAID = list({message.text: message for message in MESSAGES}.values())
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


def compiled(entries: Mapping[str, str]) -> bytes:
    """Return a gettext catalogue (.mo), as msgfmt would write it."""
    head = {"": "Content-Type: text/plain; charset=UTF-8\n"}
    pairs = sorted((key.encode(), text.encode()) for key, text in {**head, **entries}.items())
    keys, texts = b"", b""
    table: list[tuple[int, int, int, int]] = []
    for key, text in pairs:
        table.append((len(key), len(keys), len(text), len(texts)))
        keys, texts = keys + key + b"\0", texts + text + b"\0"
    count, at = len(pairs), 28 + 16 * len(pairs)
    originals = b"".join(struct.pack("<II", k, at + o) for k, o, _, _ in table)
    translated = b"".join(struct.pack("<II", t, at + len(keys) + o) for _, _, t, o in table)
    header = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, at)
    return header + originals + translated + keys + texts


@pytest.fixture
def spanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue that says some things in Spanish."""
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / f"{messages.DOMAIN}.mo").write_bytes(
        compiled({
            "Welcome back to {alliance}. POLLS shows what is open, HELP what you can send.":
                "Hola de nuevo a {alliance}.",
            "command\x04POLLS": "ENCUESTAS",
            "command\x04SKIP": "SALTAR",
        })
    )  # fmt: skip
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    catalogue.cache_clear()
    turn.words.cache_clear()
    yield
    catalogue.cache_clear()
    turn.words.cache_clear()


def test_a_catalogue_is_spoken(spanish: None) -> None:
    """A message with a translation is said in the language, with its fields filled in."""
    from handlers.leave import STARTED  # noqa: PLC0415

    assert STARTED.say("es", alliance="Nima") == "Hola de nuevo a Nima."
    assert STARTED.say("en", alliance="Nima").startswith("Welcome back to Nima")
    assert STARTED.say("fr", alliance="Nima").startswith("Welcome back to Nima")


def test_a_message_without_a_translation_is_said_in_english(spanish: None) -> None:
    """What a catalogue does not have is said in English."""
    from handlers.skip import NOTHING  # noqa: PLC0415

    assert NOTHING.say("es") == NOTHING.text


def test_a_command_has_its_word_in_the_catalogue(spanish: None) -> None:
    """A command's word in a language works beside the English one, in any case and accent."""
    found = turn.words(("es",))
    assert found[fold("Encuestas")].word == "POLLS"
    assert found[fold("polls")].word == "POLLS"
    assert fold("encuestas") not in turn.words(("en",))
    assert command_word("es", "SKIP") == "SALTAR"


SHIPPED = sorted(path.name for path in messages.LOCALE.iterdir() if path.is_dir())


@pytest.mark.parametrize("language", ["en", *SHIPPED])
def test_every_catalogue_fits_the_code(language: str) -> None:
    """Each shipped catalogue translates messages that are there, fields and all, in two parts."""
    for message in SAID:
        template = message.template(language)
        assert fields(template) == fields(message.text)
        assert segments(longest(message, language)) <= 2
