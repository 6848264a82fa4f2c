"""The Telegram driver: its settings, its webhook and its secrets.

Source of the rules: core.telegram.org/bots/api (2026-11).
"""

from __future__ import annotations

import contextlib
import logging

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bot import channels
from bot.channels.base import Context, Traits
from bot.channels.telegram import DRIVER, TelegramSettings
from storage.errors import BadConfig, Forged, Malformed, SwitchboardError
from tests.bot.channels.fake_telegram import (
    SECRET,
    TEXT,
    TOKEN,
    Answer,
    FakeTelegram,
    channel,
    choice,
    error,
    hook,
    message,
    outgoing,
    served,
)


def test_the_driver_is_found_by_name():
    """A channel is named in the configuration by its driver's module."""
    assert channels.driver("telegram") is DRIVER


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "SWITCHBOARD_CHANNELS__<NAME>__TOKEN"),
        ({"token": ""}, "SWITCHBOARD_CHANNELS__<NAME>__TOKEN"),
        ({"token": "1:a/b"}, "SWITCHBOARD_CHANNELS__<NAME>__TOKEN"),
        ({"token": TOKEN, "mode": "webhook"}, "SWITCHBOARD_CHANNELS__<NAME>__SECRET_TOKEN"),
        (
            {"token": TOKEN, "mode": "webhook", "secret_token": "a" * 257},
            "SWITCHBOARD_CHANNELS__<NAME>__SECRET_TOKEN",
        ),
        (
            {"token": TOKEN, "mode": "webhook", "secret_token": "with space"},
            "SWITCHBOARD_CHANNELS__<NAME>__SECRET_TOKEN",
        ),
        ({"token": TOKEN, "api_url": "api.telegram.org"}, "api_url"),
        ({"token": TOKEN, "mode": "both"}, "mode"),
        ({"token": TOKEN, "colour": "red"}, "colour"),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings, named):
    """Each wrong or missing key is named, and no secret is shown."""
    with pytest.raises(ValidationError) as raised:
        TelegramSettings.model_validate({"driver": "telegram", **settings})
    assert named in str(raised.value)
    assert "a/b" not in str(raised.value)
    assert "with space" not in str(raised.value)


def test_a_webhook_needs_an_address():
    """Webhook mode without web.public_url is refused at once."""
    settings = TelegramSettings.model_validate(
        {"driver": "telegram", "token": TOKEN, "mode": "webhook", "secret_token": SECRET}
    )
    with pytest.raises(BadConfig, match="public_url"):
        DRIVER.build("telegram", settings, Context("", ()))


def test_the_traits_are_telegrams():
    """30 messages a second over all chats, 1 a second in one chat; pictures can be sent."""
    assert channel().traits == Traits(rate=30, gap_ms=1_000, pictures=True, polled=True)
    hooked = channel(mode="webhook", secret_token=SECRET, rate=1_000, in_flight=5)
    assert hooked.traits == Traits(rate=1_000, in_flight=5, gap_ms=1_000, pictures=True)


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET.upper(), SECRET + "x", "\xff\ud800"])
def test_a_webhook_without_the_secret_is_refused(secret):
    """A webhook without the right X-Telegram-Bot-Api-Secret-Token is refused."""
    with pytest.raises(Forged):
        channel(mode="webhook", secret_token=SECRET).parse(hook(message(text="2"), secret))


def test_no_webhook_where_we_poll():
    """In polling mode nothing that comes to the webhook is genuine, not even with no secret."""
    for secret in (None, "", SECRET):
        with pytest.raises(Forged):
            channel(secret_token=SECRET).parse(hook(message(text="2"), secret))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"5", b'{"update_id": "1"}', b"{}"]
)
def test_what_is_not_an_update_is_malformed(body):
    """A body that is no update at all is refused as malformed."""
    with pytest.raises(Malformed):
        channel(mode="webhook", secret_token=SECRET).parse(hook(body))


def test_there_are_no_receipts():
    """Telegram sends no receipts, so that a request to the receipts' address is malformed."""
    with pytest.raises(Malformed):
        channel(mode="webhook", secret_token=SECRET).parse_receipt(hook({}))


async def used(bot, fake):
    """Use a channel in every way while much goes wrong; return all it told anyone."""
    fake.will("sendMessage", Answer(200, b"", cut=True), error(404, "Not Found"))
    fake.will("getMe", Answer(200, b"{"), Answer(200, {"ok": True, "result": {}}))
    await bot.open()
    said = [bot, *[await bot.send(outgoing()) for _ in range(3)]]
    await bot.acknowledge(choice("9001"))
    with contextlib.suppress(SwitchboardError):
        said.append(await bot.check())
    await bot.close()
    with pytest.raises(SwitchboardError) as caught:
        await bot.check()
    return [*said, caught.value, caught.value.__cause__, caught.getrepr(chain=True)]


async def test_the_token_is_never_told(unused_tcp_port, caplog):
    """Neither logs, outcomes nor errors carry the token or a text, at any level of logging."""
    caplog.set_level(logging.DEBUG)
    fake = FakeTelegram()
    with capture_logs() as logs:
        async with served(fake) as url:
            said = await used(channel(url), fake)
        said += await used(channel(f"http://127.0.0.1:{unused_tcp_port}"), fake)
    told = caplog.text + repr(logs) + "".join(f"{thing!r}{thing!s}" for thing in said)
    assert TOKEN not in told
    assert TEXT not in told
    assert "ClientPayloadError" in told
    assert "ClientConnectorError" in told
