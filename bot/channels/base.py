"""What a channel is: one way to reach a phone, whatever the provider.

A channel turns a provider's requests into events and carries messages out. It never
touches storage and decides nothing about what a message means.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

# --- what comes in ---------------------------------------------------------------------

InboundKind = Literal["text", "edit", "choice", "start", "media", "contact", "not_a_person"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message from one phone.

    `key` is unique within the channel and the same on every redelivery. `sender` is the
    address: an E.164 number or a Telegram user id. `choice` is the data of a pressed
    button. `language` is the tag ("pt-br") of the language the phone is set to, if it tells.
    `media` is the provider's id of a voice note, photo, file or place.
    `opt_out` is True when the provider has already handled a STOP, START or HELP and
    answered the person. `callback` is what `Channel.acknowledge` needs after commit. `message`
    is the provider's id of the message whose button was pressed, where that can be replaced.
    """

    channel: str
    key: str
    sender: str
    text: str
    kind: InboundKind = "text"
    choice: str = ""
    media: str = ""
    opt_out: Literal["", "stop", "start", "help"] = ""
    callback: str = ""
    language: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider says became of an earlier send.

    `row` and `attempt` name the outbox row where the provider hands them back, else 0.
    `effect` says what the error means for the address (see `Effect`), `alert` that the
    coordinator has to look into it, `again` that one more attempt may be made.
    """

    channel: str
    provider_id: str
    status: Literal["sent", "delivered", "undelivered", "failed", "expired"]
    row: int = 0
    attempt: int = 0
    error: str = ""
    effect: Effect = ""
    alert: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Reachable:
    """The person blocked the bot (False) or let it in again (True): the address, not them."""

    channel: str
    key: str
    sender: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class GroupCommand:
    """A command in a group chat: answered once with a link to write privately, not stored."""

    channel: str
    key: str
    chat: str


@dataclass(frozen=True, slots=True)
class GroupMoved:
    """A group chat has another id from now on."""

    channel: str
    key: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A genuine update that can't be read: stored raw and passed over."""

    channel: str
    key: str
    raw: str


Event = Inbound | Receipt | Reachable | GroupCommand | GroupMoved | Unreadable


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A provider's raw request. `path` and `query` as received; header names lower case."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought; `acknowledge` is called once all of it is committed."""

    events: Sequence[Event]
    acknowledge: Callable[[], Awaitable[None]]


# --- what goes out ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A button: what it shows, and what it sends back (64 bytes at most)."""

    label: str
    data: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG; one `name` is always the same picture."""

    name: str
    png: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one address. `seconds_left` is the rest of its time to live.

    In a look-up `digest` stands for the text as it left, which is not kept. `picture` goes with
    the text, and `edits` is the provider's id of an earlier message that this one replaces:
    both only where the channel can do that, and the text says all without them.
    """

    row: int
    attempt: int
    to: str
    text: str
    choices: tuple[Choice, ...] = ()
    seconds_left: int = 36_000
    digest: str = ""
    picture: Picture | None = None
    edits: str = ""

    def says(self, text: str) -> bool:
        """Tell whether a text that a provider holds is this message's."""
        return digest(text) == (self.digest or digest(self.text))


def digest(text: str) -> str:
    """Return a short digest of a text, without the blanks around it."""
    return hashlib.blake2b(text.strip().encode(errors="replace"), digest_size=8).hexdigest()


# What an error means for the address: "" nothing; "stopped" the person opted out at the
# carrier; "blocked" the bot is blocked; "dead" the number can't be reached by this channel.
Effect = Literal["", "stopped", "blocked", "dead"]


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refused it for good. `alert` tells the coordinator to look into it."""

    error: str
    effect: Effect = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """The provider did not process it; try again after `seconds` (None: our own delay).

    `whole_channel` means that nothing at all may be sent before then, `anew` that it can't
    replace an earlier message: it is sent as one of its own, at once.
    """

    error: str
    seconds: float | None = None
    whole_channel: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have left, and no usable answer came."""

    error: str


Outcome = Sent | Refused | Again | Unknown


@dataclass(frozen=True, slots=True)
class Traits:
    """What sending and conversation need to know of a channel.

    `rate` counts segments a second where `segments` is True, else messages. `in_flight`
    is how many requests may be open at once. `gap_ms` is the least time between two
    messages to one address. `one_question` means that one question is open at a time.
    `findable` means that `find` can tell what became of a message. `pictures` means that it
    carries them.
    """

    rate: float
    segments: bool = False
    in_flight: int = 32
    gap_ms: int = 0
    one_question: bool = False
    findable: bool = False
    pictures: bool = False
    polled: bool = False
    price: float = 0.0
    currency: str = "USD"
    countries: tuple[str, ...] = ()


class Channel(Protocol):
    """One configured channel; `name` is its key in `[channels.*]` and in `/hooks/{name}`.

    Where it has them, these are used too: `hook_answer`, the (content type, body) of a 200;
    `trouble`, a str that is "" while messages can come in and go out; `async link(code)`, the
    address that opens a chat; `async webhook()`, where the provider sends messages, "" if it
    can't say.
    """

    name: str
    traits: Traits

    async def open(self) -> None:
        """Connect; called inside the running event loop. Raises SwitchboardError."""

    async def close(self) -> None:
        """Let go of connections; sends in flight have ended before."""

    def parse(self, request: HookRequest) -> Sequence[Event]:
        """Read a POST to /hooks/{name}. Raises Forged or Malformed."""

    def parse_receipt(self, request: HookRequest) -> Sequence[Event]:
        """Read a POST to /hooks/{name}/status. Raises Forged or Malformed."""

    def poll(self) -> AsyncIterator[Polled]:
        """Yield what arrives, for ever, on a channel with `traits.polled`.

        A passing fault is logged, waited out with a growing delay, and never raised.
        """

    async def send(self, message: Outgoing) -> Outcome:
        """Carry one message; never raises but CancelledError."""

    async def find(self, message: Outgoing, since: int) -> Sequence[Sent]:
        """Return what the provider holds of this message (same to and text) since an
        instant (ms), newest first, on a channel with `traits.findable`. Raises CannotTell.
        """

    async def acknowledge(self, inbound: Inbound) -> None:
        """Do what the provider expects after commit (stop a button's spinner); never raises."""

    async def check(self) -> str:
        """Return one line saying who we are to the provider. Raises SwitchboardError."""


class ChannelSettings(BaseModel):
    """The keys that every `[channels.NAME]` has."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    driver: str
    rate: float = Field(default=30, gt=0, le=10_000)
    in_flight: int = Field(default=32, ge=1, le=512)


@dataclass(frozen=True, slots=True)
class Context:
    """What a channel may know of the rest: plain values only.

    `public_url` has no trailing slash. `countries` are the alliance's (ISO 3166 alpha 2).
    """

    public_url: str
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Driver:
    """How a driver is made; each module in `bot.channels` ends with `DRIVER = Driver(...)`."""

    settings: type[ChannelSettings]
    build: Callable[[str, ChannelSettings, Context], Channel] = field(repr=False)
