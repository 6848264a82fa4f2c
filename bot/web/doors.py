"""Every door that opens to the network, put together as one ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette

from bot.web import health, hooks, phones

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from bot.channels.base import Channel, Event
    from bot.channels.simulator import SimulatorChannel
    from bot.web.metrics import Metrics


class Doors(Starlette):
    """The pages by Starlette; the providers' requests past it, as they are so many."""

    def __init__(self, providers: hooks.Hooks, routes: list[BaseRoute]) -> None:
        super().__init__(routes=routes)
        self._providers = providers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(hooks.PREFIX):
            await self._providers(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def build(
    *,
    channels: Mapping[str, Channel],
    accept: Callable[[Sequence[Event]], Awaitable[None]],
    ready: Callable[[], Awaitable[list[str]]],
    metrics: Metrics,
    simulator: SimulatorChannel | None,
    numbers: Callable[[str], str],
) -> Starlette:
    """Put the doors together; with a simulator, the phones too.

    `accept` is durable when it returns, and raises StorageError. `ready` returns what is
    wrong. `numbers` reads a phone number in any form, and raises BadNumber.
    """
    routes: list[BaseRoute] = [*health.routes(ready, metrics.registry)]
    if simulator is not None:
        routes += phones.Phones(simulator, accept, numbers).routes()
    return Doors(hooks.Hooks(channels, accept, metrics), routes)
