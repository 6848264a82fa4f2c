"""Opening, checking, linking, and what follows a commit.

Source of the rules: core.telegram.org/bots/api (2026-11).
"""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bot.channels.telegram.updates import KINDS
from storage.errors import BadConfig, BadInput, SwitchboardError
from tests.bot.channels.fake_telegram import SECRET, Answer, channel, choice, error


async def test_every_callback_query_is_answered(fake, bot):
    """Answer every callback query, or the button spins; other messages need nothing."""
    await bot.acknowledge(choice("9001"))
    await bot.acknowledge(choice(""))
    [answered] = fake.of("answerCallbackQuery")
    assert answered["callback_query_id"] == "9001"


async def test_a_late_answer_to_a_button_is_only_logged(fake, bot):
    """A query too old to be answered harms nothing."""
    fake.will("answerCallbackQuery", error(400, "Bad Request: query is too old"))
    with capture_logs() as logs:
        await bot.acknowledge(choice("9001"))
    assert [entry["event"] for entry in logs] == ["telegram.acknowledge_failed"]


async def test_polling_takes_a_webhook_away(fake, bot):
    """A poller can't be beside a webhook; what waits is not dropped."""
    assert fake.of("deleteWebhook") == [{}]
    assert fake.of("setWebhook") == []


async def test_a_webhook_is_set(fake, url):
    """Webhook mode tells Telegram the public address, the secret and exactly our kinds."""
    bot = channel(url, mode="webhook", secret_token=SECRET)
    await bot.open()
    expected = {
        "url": "https://alliance.example.org/hooks/telegram",
        "secret_token": SECRET,
        "allowed_updates": list(KINDS),
    }
    assert fake.of("setWebhook") == [expected]
    await bot.close()


async def test_a_webhook_is_set_at_last(fake, url, waits):
    """Where Telegram can't be reached at the start, the webhook is set once it can."""
    fake.will("setWebhook", *[error(502, "Bad Gateway")] * 3)
    bot = channel(url, mode="webhook", secret_token=SECRET)
    await bot.open()
    assert bot._preparing is not None
    await bot._preparing
    assert (len(fake.of("setWebhook")), waits) == (4, [1, 2])
    await bot.close()


async def test_closing_stops_the_trying(unused_tcp_port):
    """A channel that still tries to open can be closed."""
    bot = channel(f"http://127.0.0.1:{unused_tcp_port}", mode="webhook", secret_token=SECRET)
    await bot.open()
    await bot.close()
    assert bot._preparing is not None
    assert bot._preparing.cancelled()


async def test_check_says_who_we_are(url):
    """`check` names the bot, opened or not."""
    bot = channel(url)
    assert await bot.check() == "telegram: @nima_bot (bot 42)"
    await bot.close()


@pytest.mark.parametrize(
    ("answer", "raised", "told"),
    [
        (error(401, "Unauthorized"), BadConfig, "SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN"),
        (error(404, "Not Found"), BadConfig, "SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN"),
        (error(500, "Oops"), SwitchboardError, "can't be reached"),
        (Answer(200, {"ok": True, "result": {}}), SwitchboardError, "can't be reached"),
        (Answer(200, {"ok": True, "result": True}), SwitchboardError, "can't be reached"),
    ],
)
async def test_check_says_what_is_wrong(fake, bot, answer, raised, told):
    """A wrong token is a mistake in the configuration; all else is Telegram being away."""
    fake.will("getMe", answer)
    with pytest.raises(SwitchboardError, match=told) as caught:
        await bot.check()
    assert type(caught.value) is raised


async def test_a_link_starts_a_chat(fake, bot):
    """A deep link hands the code back; the bot's name is asked once."""
    assert await bot.link("NIMA_1-a") == "https://t.me/nima_bot?start=NIMA_1-a"
    assert await bot.link("a" * 64) == "https://t.me/nima_bot?start=" + "a" * 64
    assert await bot.link("") == "https://t.me/nima_bot"
    assert len(fake.of("getMe")) == 1


@pytest.mark.parametrize("code", ["a" * 65, "a b", "n\u00efma", "a&b=c", "a\n"])
async def test_what_no_link_can_carry(bot, code):
    """A `/start` payload is at most 64 of `[A-Za-z0-9_-]`."""
    with pytest.raises(BadInput):
        await bot.link(code)


async def test_a_bot_without_a_name_has_no_link(fake, url):
    """A bot that has no user name, or can't be asked for it, has no link."""
    nameless = {"id": 42, "is_bot": True, "first_name": "B"}
    fake.will("getMe", Answer(200, {"ok": True, "result": nameless}), error(500, "Oops"))
    bot = channel(url)
    await bot._transport.initialize()
    for _ in range(2):
        with pytest.raises(SwitchboardError):
            await bot.link("NIMA")
    await bot.close()
