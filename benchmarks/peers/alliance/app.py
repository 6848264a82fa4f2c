"""Reads an answer, records it once, and says it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.timezone import now
from rapidsms.apps.base import AppBase

from benchmarks.peers.alliance.models import Answer, Poll

if TYPE_CHECKING:
    from rapidsms.messages import IncomingMessage


class AllianceApp(AppBase):
    """The one RapidSMS app of the project."""

    def handle(self, msg: IncomingMessage) -> bool:
        """Take a digit as an answer to the open poll, in one upsert, and echo it."""
        text = msg.text.strip()
        poll = Poll.objects.filter(is_open=True).order_by("-id").first()
        options = poll.options.splitlines() if poll else []
        if not text.isdecimal() or not 1 <= int(text) <= len(options):
            return False
        Answer.objects.bulk_create(
            [Answer(poll=poll, connection=msg.connections[0], option=int(text), answered_at=now())],
            update_conflicts=True,
            unique_fields=["poll", "connection"],
            update_fields=["option", "answered_at"],
        )
        msg.respond(f"Your answer: {text} {options[int(text) - 1]}. Send another to change it.")
        return True
