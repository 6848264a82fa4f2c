from __future__ import annotations

from types import SimpleNamespace

import pytest

from bot.channels.base import Again, Refused, Sent, Traits, Unknown
from bot.cli import checking
from storage.errors import BadConfig, CannotTell, SwitchboardError

DRAFT = "es nobody has accepted yet, so many are told in another: see `switchboard languages`"
URL = "http://127.0.0.1:8080/hooks/sms"


class FakeChannel:
    """A channel that answers `check` only once it is open, and keeps what it sends."""

    def __init__(self, name="sms", *, segments=True, hook=None, line="fake: well"):
        self.name = name
        self.traits = Traits(rate=1, segments=segments)
        self.sent = []
        self.outcome = Sent("SM1")
        self.line = line
        self.opened = False
        if hook is not None:
            self.hook = hook
            self.webhook = self._webhook

    async def _webhook(self):
        return self.hook

    async def open(self):
        self.opened = True

    async def close(self):
        self.opened = False

    async def check(self):
        if not self.opened:
            raise CannotTell("not open")
        if isinstance(self.line, SwitchboardError):
            raise self.line
        return self.line

    async def send(self, message):
        assert self.opened
        self.sent.append(message)
        return self.outcome


@pytest.fixture
def channels(monkeypatch):
    """Return a function that puts channels in the place of the configured ones."""

    def put(*found):
        monkeypatch.setattr(checking, "channels_of", lambda _: {c.name: c for c in found})
        return found

    return put


def test_all_is_well(switchboard):
    """A sound configuration, database and channel have a line each, and so has a draft."""
    assert switchboard("check").stdout.splitlines() == [
        "configuration: Accra Alliance",
        "storage: switchboard.db is sound",
        f"languages: {DRAFT}",
        "phones: simulator, 0 phones",
    ]
    switchboard("languages", "accept", "es")
    assert "languages:" not in switchboard("check").stdout


def test_a_new_alliance(switchboard, folder):
    """A database that is still to be made is no problem, and check does not make it."""
    (folder / "switchboard.db").unlink()
    assert "storage: switchboard.db is not there yet" in switchboard("check").stdout
    assert not (folder / "switchboard.db").exists()


def test_every_problem_has_its_line(switchboard, folder, channels):
    """What is wrong with storage and channels is told at once, a line each."""
    (folder / "switchboard.db").write_bytes(b"not a database" * 1000)
    channels(FakeChannel(line=BadConfig("sms: wrong token")), FakeChannel("other"))
    from click.testing import CliRunner  # noqa: PLC0415  the fixture allows one line alone

    from bot.cli import cli  # noqa: PLC0415

    result = CliRunner().invoke(cli, ["check", "-c", str(folder / "config.toml")])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "switchboard: storage: the database file is damaged: restore a backup",
        "switchboard: sms: wrong token",
    ]
    assert "other: fake: well" in result.stdout


def test_a_bad_configuration(switchboard, folder):
    """Each problem of the configuration has its line."""
    (folder / "config.toml").write_text('[alliance]\nnam = "x"\n', encoding="utf-8")
    from click.testing import CliRunner  # noqa: PLC0415  as above

    from bot.cli import cli  # noqa: PLC0415

    result = CliRunner().invoke(cli, ["check", "-c", str(folder / "config.toml")])
    assert result.exit_code == 1
    assert "alliance.nam is no setting; the nearest is alliance.name" in result.stderr


def test_a_test_message(switchboard, channels):
    """--send sends one message to a number in any form, and says what became of it."""
    (sms,) = channels(FakeChannel())
    result = switchboard("check", "--send", "(202) 555-0123")
    assert "sms: sent, SM1\n" in result.stdout
    assert [(m.to, m.text) for m in sms.sent] == [
        ("+12025550123", "Accra Alliance: this is a test of our messages.")
    ]
    assert not sms.opened
    assert "555" not in result.output


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Refused("21211 invalid"), "sms: refused, 21211 invalid"),
        (Again("429"), "sms: not sent, 429"),
        (Unknown("timeout"), "sms: it may have been sent, timeout"),
    ],
)
def test_a_test_message_that_fails(switchboard, channels, outcome, says):
    """A message that was not taken is a problem."""
    (sms,) = channels(FakeChannel())
    sms.outcome = outcome
    assert says in switchboard("check", "--send", "+12025550123", code=1).stderr


@pytest.mark.parametrize(
    ("address", "options", "channel", "to"),
    [
        ("+12025550123", [], "sms", "+12025550123"),
        ("0012025550123", [], "sms", "+12025550123"),
        ("202-555-0123", [], "sms", "+12025550123"),
        ("123456789", [], "chat", "123456789"),
        ("2025550123", ["--channel", "sms"], "sms", "+12025550123"),
        ("2025550123", ["--channel", "chat"], "chat", "2025550123"),
    ],
)
def test_the_channel_that_fits(switchboard, channels, address, options, channel, to):
    """Digits alone are a chat's id where a channel has such, all else a phone number."""
    found = channels(FakeChannel(), FakeChannel("chat", segments=False))
    switchboard("check", "--send", address, *options)
    assert {c.name: [m.to for m in c.sent] for c in found if c.sent} == {channel: [to]}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--send", "nobody"], "that is not a phone number"),
        (["--send", "+12025550123", "--channel", "no"], "there is no channel 'no'; there are sms"),
        (["--send", "+12025550123", "--channel", "chat"], "a chat's id: digits alone"),
    ],
)
def test_addresses_that_fit_nothing(switchboard, channels, args, says):
    """An address that its channel can't have is refused before anything is sent."""
    found = channels(FakeChannel(), FakeChannel("chat", segments=False))
    assert says in switchboard("check", *args, code=1).stderr
    assert not any(channel.sent for channel in found)


def test_no_channel_carries_it(switchboard, channels):
    """A number needs a channel that carries SMS."""
    channels(FakeChannel("chat", segments=False))
    result = switchboard("check", "--send", "+12025550123", code=1)
    assert "no channel carries messages to such an address" in result.stderr


@pytest.mark.parametrize(
    ("hook", "code", "says"),
    [
        (URL, 0, f"sms: the provider sends messages to {URL}"),
        (f"{URL}#rc=5&rp=all", 0, f"the provider sends messages to {URL}#rc=5&rp=all"),
        ("", 0, f"can't say where it sends messages: {URL}?"),
        ("https://old.example.org/x", 1, f"messages to https://old.example.org/x, not to {URL}"),
    ],
)
def test_the_providers_webhook(switchboard, channels, hook, code, says):
    """--send compares where the provider sends messages with where we wait for them."""
    channels(FakeChannel(hook=hook))
    assert says in switchboard("check", "--send", "+12025550123", code=code).output


def test_names_stand_before_lines():
    """A channel's line begins with its name, once."""
    assert checking._named("sms", "twilio: account ...1") == "sms: twilio: account ...1"
    assert checking._named("sms", "sms: bot") == "sms: bot"


def test_chats_are_told_from_numbers():
    """Only digits alone, without a 0 before them, can be a chat's id."""
    both = {"a": SimpleNamespace(traits=Traits(rate=1)), "b": FakeChannel()}
    assert checking.is_chat("123456789", both)
    assert not checking.is_chat("0241234567", both)
    assert not checking.is_chat("123456789", {"b": FakeChannel()})
