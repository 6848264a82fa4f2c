from __future__ import annotations

from bot.web.serving import server_config


def test_an_idle_connection_outlives_a_proxy_s_patience():
    """A proxy drops an idle connection after two minutes at most: before we do."""
    assert server_config(None).timeout_keep_alive > 120
