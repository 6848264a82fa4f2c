"""A turn: one message of one person, and what is said in return; and how commands are found."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

import handlers
from handlers.dialog.messages import Message, command_word
from handlers.dialog.text import fold, sentence
from storage import barred
from storage.errors import BadInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from handlers.dialog.manners import Manners
    from handlers.dialog.preview import Tariff
    from storage.addresses import Sender
    from storage.database import Tx

# "role": for whoever acts for others; to everybody else it is a word like any other.
Who = Literal["anyone", "member", "role"]


@dataclass(frozen=True, slots=True)
class StakeholderType:
    """A kind of organisation or person; `line` is its line in the menu, "" for none."""

    code: str
    sector: str
    line: str


@dataclass(frozen=True, slots=True)
class Alliance:
    """What the configuration says of the alliance, as the dialogs need it."""

    name: str
    languages: tuple[str, ...]
    country: str
    zone: ZoneInfo
    manners: Manners
    types: tuple[StakeholderType, ...]
    adult_age: int = 18
    smallest_group: int = 5
    hash_key: bytes = b""
    keep_text_days: int = 90

    def language(self, wanted: str) -> str:
        """Return a language of the alliance: the wanted one, else the default."""
        return wanted if wanted in self.languages else self.languages[0]

    def keyed(self, channel: str, value: str) -> str:
        """Return the keyed hash of an address, or of whatever else a channel tells apart."""
        return barred.keyed(self.hash_key, channel, value)


@dataclass(frozen=True, slots=True)
class Numbers:
    """How phone numbers are read, and `channel`, by which they are reached.

    `read` returns a number as +digits (E.164). It raises BadNumber for what is none, or lies
    outside the countries where the channel writes.
    """

    channel: str
    read: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One text to the person who wrote; `question` is the one it opens in `round_id`.

    `ticket` is the one of whose words some stand in it. `forgotten` says that nothing is kept
    of the person: the row must not point at them. `picture` goes with the text (see `charts`),
    `edits` is the earlier message that it replaces.
    """

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    round_id: int | None = None
    question: int | None = None
    forgotten: bool = False
    ticket: int | None = None
    picture: str = ""
    edits: str = ""


@dataclass(slots=True)
class Turn:
    """One message while it is dealt with. All its effects go through `tx`.

    `kind` is the channel's (text, edit, choice, start, media, contact). `one_question`
    says that the phone shows one question at a time and has no buttons, `pictures` that it shows
    those. `message` is the one whose button was pressed, "" for none. `key` is the hash
    under which the message is kept. `phone_language` is the tag ("pt-br") of the language that
    the phone is set to, "" where the channel does not tell. `replayed` says that it came long
    ago, at `now`. `draw` draws a confirmation's code. `tariffs` say what each channel costs.
    `numbers` is None where no channel reaches phone numbers.
    """

    tx: Tx
    now: int
    alliance: Alliance
    sender: Sender
    text: str
    kind: str = "text"
    choice: str = ""
    media: str = ""
    opt_out: str = ""
    barred: str = ""
    key: str = ""
    one_question: bool = True
    pictures: bool = False
    message: str = ""
    phone_language: str = ""
    draw: Callable[[], str] = lambda: "0000"
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    numbers: Numbers | None = None
    replies: list[Reply] = field(default_factory=list)
    forgotten: bool = False
    replayed: bool = False

    @property
    def language(self) -> str:
        """The language to answer in."""
        return self.alliance.language(self.sender.language)

    @property
    def is_member(self) -> bool:
        """Whether they have agreed to take part."""
        return self.sender.member_state == "member"

    @property
    def stopped(self) -> bool:
        """Whether they, or this phone of theirs, asked us to stop."""
        sender = self.sender
        return bool(
            sender.stopped_at
            or sender.address_stopped_at
            or sender.address_state == "carrier"
            or self.barred == "stopped"
        )

    def say(
        self, message: Message, choices: tuple[tuple[str, str], ...] = (), /, **values: object
    ) -> None:
        """Answer with a message in the person's language."""
        self.reply(message.say(self.language, not self.one_question, **values), choices)

    def reply(
        self,
        text: str,
        choices: tuple[tuple[str, str], ...] = (),
        round_id: int | None = None,
        question: int | None = None,
        ticket: int | None = None,
        *,
        picture: str = "",
        edits: str = "",
    ) -> None:
        """Answer with a text; see Reply."""
        reply = Reply(text, choices, round_id, question, self.forgotten, ticket, picture, edits)
        self.replies.append(reply)


@contextmanager
def mistakes_told(turn: Turn) -> Iterator[None]:
    """Tell whoever asked what is wrong with it.

    For what reads, and looks at, all that was asked for before it does anything.
    """
    try:
        yield
    except (BadInput, NotFound) as error:
        turn.reply(sentence(str(error)))


@dataclass(frozen=True, slots=True)
class Command:
    """What a word calls: `run(turn, rest)`, `rest` being what stood behind the word."""

    word: str
    who: Who
    run: Callable[[Turn, str], Awaitable[None]]


_COMMANDS: dict[str, Command] = {}


def command(
    word: str, who: Who = "member"
) -> Callable[[Callable[[Turn, str], Awaitable[None]]], Callable[[Turn, str], Awaitable[None]]]:
    """Let a word call a function, for anyone, members alone, or those who have a role."""

    def keep(
        run: Callable[[Turn, str], Awaitable[None]],
    ) -> Callable[[Turn, str], Awaitable[None]]:
        _COMMANDS[word] = Command(word, who, run)
        return run

    return keep


@cache
def commands() -> dict[str, Command]:
    """Return every command by its English word, from all files of `handlers/`."""
    for module in pkgutil.iter_modules(handlers.__path__):
        if not module.ispkg:
            importlib.import_module(f"handlers.{module.name}")
    return _COMMANDS


@cache
def words(languages: tuple[str, ...]) -> dict[str, Command]:
    """Return every command by its folded word, in English and in the languages given."""
    found: dict[str, Command] = {}
    for language in languages:
        for word, entry in commands().items():
            found[fold(command_word(language, word))] = entry
    for word, entry in commands().items():
        found[fold(word)] = entry
    return found
