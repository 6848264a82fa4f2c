"""What `/metrics` shows. A label is a channel's name or a word of ours, never a person's."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram, Info

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

PREFIX: Final = "switchboard"
NO_CHANNEL: Final = "-"  # no channel can be called so
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Every metric, once for each registry.

    Its methods take plain values, so that the floors below can be handed them as callables.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(name, says, labels, namespace=PREFIX, registry=registry)

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(name, says, labels, namespace=PREFIX, registry=registry)

        def seconds(name: str, says: str) -> Histogram:
            return Histogram(
                name, says, ["channel"], namespace=PREFIX, registry=registry, buckets=_SECONDS
            )

        self._inbound = counter("inbound", "Messages that came in", "channel", "outcome")
        self._inbounds: dict[tuple[str, str], Callable[[], None]] = {}
        self._refused = counter("hook_refused", "Webhooks not answered 200", "channel", "reason")
        self._sent = counter("sent", "Sends that ended", "channel", "outcome")
        self._sends: dict[tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._send_seconds = seconds("send_seconds", "From request to answer of one send")
        self._accept_seconds = seconds("accept_seconds", "Until a webhook's events were durable")
        self._depth = gauge(
            "outbox_depth", "Rows waiting to leave, 10,000 at most", "channel", "kind"
        )
        self._oldest = gauge("outbox_oldest_seconds", "Age of the oldest row due to leave")
        self._free = gauge("disk_free_bytes", "Free space where the data lies")
        Info("build", "The program that runs", namespace=PREFIX, registry=registry).info(
            {"version": version("switchboard"), "python": platform.python_version()}
        )

    def inbound(self, channel: str, outcome: str) -> None:
        """Count a message: accepted, duplicate, failed or unreadable."""
        count = self._inbounds.get((channel, outcome))
        if count is None:
            count = self._inbounds[channel, outcome] = self._inbound.labels(channel, outcome).inc
        count()

    def hook_refused(self, channel: str, reason: str) -> None:
        """Count a webhook that was not answered 200; an unknown channel's name is not kept."""
        self._refused.labels(channel or NO_CHANNEL, reason).inc()

    def sent(self, channel: str, outcome: str, seconds: float) -> None:
        """Count a send that ended, and how long the provider took."""
        count, observe = self._sends.get((channel, outcome)) or self._send(channel, outcome)
        count()
        observe(seconds)

    def _send(
        self, channel: str, outcome: str
    ) -> tuple[Callable[[], None], Callable[[float], None]]:
        """Bind what a send counts, once for each channel and outcome."""
        bound = (
            self._sent.labels(channel, outcome).inc,
            self._send_seconds.labels(channel).observe,
        )
        self._sends[channel, outcome] = bound
        return bound

    def accepted(self, channel: str) -> Callable[[float], None]:
        """Return what takes the seconds of each accept, bound once, as it is called so often."""
        return self._accept_seconds.labels(channel).observe

    def outbox(self, depths: Mapping[tuple[str, str], int], oldest_seconds: float) -> None:
        """Replace what waits: a number of rows for each (channel, kind)."""
        self._depth.clear()
        for (channel, kind), depth in depths.items():
            self._depth.labels(channel, kind).set(depth)
        self._oldest.set(oldest_seconds)

    def disk_free(self, free_bytes: int) -> None:
        """Replace the free space."""
        self._free.set(free_bytes)
