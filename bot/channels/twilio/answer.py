"""What Twilio's answers and error codes mean; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.channels.base import Again, Refused, Sent, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.channels.base import Effect, Outcome

# Source: https://www.twilio.com/docs/api/errors (2026-11)
_EFFECTS: Mapping[str, Effect] = {
    "21610": "stopped",  # the person opted out at the carrier
    "21211": "dead",  # not a phone number
    "21614": "dead",  # not a mobile number
    "30005": "dead",  # unknown handset
    "30006": "dead",  # landline, or a carrier that can't be reached
}

# For the coordinator: filtered by a carrier, unregistered sender, country not enabled at
# Twilio, a sender that can't send SMS.
ALERTS = frozenset({"30007", "30034", "21408", "21606"})

# The account's trouble and not one message's: wrong credentials, suspended, no access,
# no such account.
_ACCOUNT = frozenset({"20003", "20005", "20006", "20404"})

# Not processed: too many requests, this sender's queue is full.
_BUSY = frozenset({"429", "20429", "21611"})

EXPIRED = "30036"

# The phone was off or out of reach: one may try again, within bounds.
UNREACHED = "30003"

ACCOUNT_PAUSE_SECONDS = 60.0


def effect(code: str) -> Effect:
    """Return what an error code means for the address."""
    return _EFFECTS.get(code, "")


def outcome(status: int, text: str, headers: Mapping[str, str]) -> Outcome:
    """Read the answer to a create.

    Creating is not idempotent, so whatever does not plainly say "taken" or "refused" is
    Unknown. Source: https://www.twilio.com/docs/usage/twilios-response (2026-11)
    """
    answer = read_object(text)
    if 200 <= status < 300:
        sid = answer.get("sid")
        return Sent(sid) if isinstance(sid, str) and sid else Unknown("unreadable answer")
    code = _code(answer)
    if status == 429 or (status < 500 and code in _BUSY):
        return Again(code or "429", seconds=_retry_after(headers), whole_channel=True)
    if not 400 <= status < 500 or status == 408:
        return Unknown(f"http {status}")
    if _is_of_account(status, code):
        error = "unauthorized" if status in (401, 403) or code == "20003" else code or "http 404"
        return Again(error, seconds=ACCOUNT_PAUSE_SECONDS, whole_channel=True)
    return Refused(code or f"http {status}", effect=effect(code), alert=code in ALERTS)


def trouble(found: Outcome, before: str) -> str:
    """Return why nothing can be sent, "" where Twilio takes messages; `before` is the last word."""
    match found:
        case Sent() | Refused():
            return ""
        case Again(error, whole_channel=True) if error not in _BUSY:
            return f"Twilio takes no message: {error}"
        case _:
            return before


def read_object(text: str | bytes) -> dict[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _code(answer: Mapping[str, Any]) -> str:
    """Return Twilio's error code, "" where the answer isn't Twilio's own."""
    code = answer.get("code")
    return str(code) if isinstance(code, int) and not isinstance(code, bool) else ""


def _is_of_account(status: int, code: str) -> bool:
    """A pause loses nothing where a refusal would end every message of a broadcast."""
    return code in _ACCOUNT or status == 401 or (not code and status in (403, 404))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None
