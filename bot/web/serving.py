"""The web server: how uvicorn runs, and the address it listens on."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from storage.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.config.sections import Web


# Longer than any usual proxy keeps an idle connection: else it would send a request on one that
# is being closed, and have no answer to it.
# Source: caddyserver.com/docs/caddyfile/directives/reverse_proxy, keepalive (2 minutes; 2026-11).
KEEP_ALIVE_SECONDS = 130


def server_config(app: Any) -> uvicorn.Config:  # noqa: ANN401  an ASGI application
    """Return how the web server runs."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
        server_header=False,
        date_header=False,
    )


def listening(web: Web) -> socket.socket:
    """Bind the configured address. Raises BadConfig where it is taken."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((web.host, web.port))
    except OSError as error:
        bound.close()
        raise BadConfig(
            f"can't listen on {web.listen}: {error.strerror}; choose another port with web.listen"
            " or --listen"
        ) from error
    bound.listen(1_024)
    return bound


class Server(uvicorn.Server):
    """uvicorn, without signal handlers of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield
