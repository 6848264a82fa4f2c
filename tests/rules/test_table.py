"""Every rule of what a message means, over SMS and over Telegram, between the real drivers."""

from __future__ import annotations

import pytest

from tests.rules.carriers import alliance
from tests.rules.script import Script
from tests.rules.table import RULES

CASES = [
    pytest.param(rule, channel, id=f"{channel}: {rule.name}")
    for rule in RULES
    for channel in ("sms", "telegram")
    if rule.only in ("", channel)
]


@pytest.mark.parametrize(("rule", "channel"), CASES)
async def test_the_rule_holds(tmp_path, rule, channel):
    """Line by line."""
    async with alliance(tmp_path) as providers:
        await Script(providers, channel).run(rule.script)
        assert (
            await providers.here.scalar("SELECT COUNT(*) FROM inbound WHERE state = 'failed'") == 0
        )
