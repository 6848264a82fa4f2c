"""What watches over the program asks: is it up, can it work, what has it done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.faults import where

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from prometheus_client import CollectorRegistry
    from starlette.requests import Request

log = structlog.get_logger()

READY_SECONDS: Final = 10.0
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def routes(ready: Callable[[], Awaitable[list[str]]], registry: CollectorRegistry) -> list[Route]:
    """Return the doors /healthz, /readyz and /metrics; `ready` names what is wrong."""

    async def healthz(request: Request) -> Response:
        del request
        return PlainTextResponse("ok", headers=HEADERS)

    async def readyz(request: Request) -> Response:
        del request
        problems = await _problems(ready)
        text = "".join(f"{' '.join(problem.split())}\n" for problem in problems) or "ok"
        return PlainTextResponse(text, 503 if problems else 200, headers=HEADERS)

    async def metrics(request: Request) -> Response:
        del request
        headers = HEADERS | {"content-type": CONTENT_TYPE_LATEST}
        return Response(generate_latest(registry), headers=headers)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _problems(ready: Callable[[], Awaitable[list[str]]]) -> list[str]:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await ready()
    except TimeoutError:
        return [f"nothing answered within {READY_SECONDS:.0f} s"]
    except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
        log.error("ready.failed", trace=where(error))  # noqa: TRY400
        return [f"could not be checked: {type(error).__name__}"]
