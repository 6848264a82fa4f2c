from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.sending.gate import LEAVE, TURN_AGAIN, Elsewhere, End, Hold, in_turn, judge
from handlers.dialog.manners import Manners, Quiet
from storage.claims import Claimed
from storage.instant import DAY, HOUR, of
from tests.bot.sending.office import ALLIANCE

NOON = of(datetime(2026, 3, 4, 12, tzinfo=UTC))
NIGHT = of(datetime(2026, 3, 4, 23, tzinfo=UTC))
STRICT = replace(ALLIANCE, manners=Manners(quiet=Quiet.parse("20:00-08:00")))
REPLY = Claimed(
    id=1, batch_id=None, kind=0, member_id=1, address_id=1, to="+12025550101", text="hello",
    choices="", language="en", round_id=None, question=None, attempt=1, tries=1,
    expires_at=NOON + 7 * DAY, queued_at=NOON, address_state="ok", address_stopped_at=0,
    member_stopped_at=0, member_state="member", introduced=True, timezone="", batch_state="",
    round_state="", closes_at=0, dialog="", turn_at=0, asking=False,
)  # fmt: skip
NEWS = REPLY._replace(kind=1, batch_id=1, batch_state="queued")
QUESTION = NEWS._replace(round_id=1, question=0, round_state="open", closes_at=NOON + DAY)

# (what it is, the row, what differs, the verdict)
VERDICTS = [
    ("a reply leaves", REPLY, {}, LEAVE),
    ("a reply leaves at night", REPLY, {"queued_at": NIGHT}, LEAVE),
    ("a reply tries an address that failed", REPLY, {"address_state": "dead"}, LEAVE),
    ("a reply to a STOP leaves", REPLY, {"member_stopped_at": NOON}, LEAVE),
    ("a reply from before the STOP", REPLY, {"member_stopped_at": NOON + 1},
     End("stopped", "stopped")),
    ("a reply from before the phone's STOP", REPLY, {"address_stopped_at": NOON + 1},
     End("stopped", "stopped")),
    ("a reply to whom the carrier stopped", REPLY, {"address_state": "carrier"},
     End("stopped", "carrier")),
    ("a reply to the erased", REPLY, {"member_state": "erased"}, End("cancelled", "erased")),
    ("a reply too late", REPLY, {"expires_at": NOON}, End("expired", "too late")),
    ("a reply that asks in a closed round", REPLY,
     {"round_id": 1, "question": 0, "round_state": "closed"}, End("expired", "closed")),
    ("a reply that replaces a message", REPLY, {"edits": "41"}, LEAVE),
    ("one that a later reply has replaced", REPLY, {"edits": "41", "outdone": True},
     End("cancelled", "outdone")),
    ("one that was blanked", REPLY, {"text": ""}, End("cancelled", "blanked")),
    ("news leave", NEWS, {}, LEAVE),
    ("news to who stopped", NEWS, {"member_stopped_at": 1}, End("stopped", "stopped")),
    ("news to a phone that stopped", NEWS, {"address_stopped_at": 1}, End("stopped", "stopped")),
    ("news of a halted batch", NEWS, {"batch_state": "halted"}, End("cancelled", "halted")),
    ("news to a dead number", NEWS, {"address_state": "dead"}, Elsewhere("dead")),
    ("news to who blocked us", NEWS, {"address_state": "blocked"}, Elsewhere("blocked")),
    ("news too late", NEWS, {"expires_at": NOON}, End("expired", "too late")),
    ("a question leaves", QUESTION, {}, LEAVE),
    ("a question of a closed round", QUESTION, {"round_state": "closed"},
     End("expired", "closed")),
    ("a question past its close", QUESTION, {"closes_at": NOON}, End("expired", "closed")),
    ("a question without a close", QUESTION, {"closes_at": 0}, LEAVE),
    ("a question that was answered", QUESTION, {"dialog": "done"}, End("cancelled", "answered")),
    ("one that was answered, and may have left before", QUESTION,
     {"dialog": "done", "maybe_twice": True}, End("sent", "answered")),
    ("a question beside an open one", QUESTION, {"turn_at": NOON - HOUR},
     Hold("turn", NOON + 23 * HOUR)),
    ("a question after a day of silence", QUESTION, {"turn_at": NOON - DAY}, LEAVE),
    ("a question that expires while it waits", QUESTION,
     {"turn_at": NOON, "expires_at": NOON + HOUR}, Hold("turn", NOON + HOUR)),
    ("a question beside one on its way", QUESTION, {"asking": True},
     Hold("turn", NOON + TURN_AGAIN)),
    # where two could apply, the earlier rule wins
    ("erased before halted", NEWS, {"member_state": "erased", "batch_state": "halted"},
     End("cancelled", "erased")),
    ("halted before too late", NEWS, {"batch_state": "halted", "expires_at": 1},
     End("cancelled", "halted")),
    ("too late before stopped", NEWS, {"expires_at": 1, "member_stopped_at": 1},
     End("expired", "too late")),
    ("stopped before a dead number", NEWS, {"member_stopped_at": 1, "address_state": "dead"},
     End("stopped", "stopped")),
    ("answered before a dead number", QUESTION, {"dialog": "done", "address_state": "dead"},
     End("cancelled", "answered")),
    ("a dead number before another's turn", QUESTION, {"address_state": "dead", "asking": True},
     Elsewhere("dead")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "changed", "verdict"),
    [case[1:] for case in VERDICTS],
    ids=[case[0] for case in VERDICTS],
)
def test_a_verdict(row, changed, verdict):
    """Each row of the table above is a rule of the gate."""
    judged = judge(row._replace(**changed), ALLIANCE, (), one_question=True, now=NOON)
    assert judged == verdict


def test_where_many_questions_may_be_open_none_waits():
    """On a channel with buttons a question need not wait for another's answer."""
    row = QUESTION._replace(turn_at=NOON, asking=True)
    assert judge(row, ALLIANCE, (), one_question=False, now=NOON) == LEAVE


@pytest.mark.parametrize(
    ("row", "now", "zone", "told", "verdict"),
    [
        (NEWS, NOON, "", [], LEAVE),
        (NEWS, NIGHT, "", [], Hold("quiet", NIGHT + 9 * HOUR)),
        (QUESTION, NIGHT, "", [], Hold("quiet", NIGHT + 9 * HOUR)),
        (NEWS, NOON, "Asia/Tokyo", [], Hold("quiet", NOON + 11 * HOUR)),
        (NEWS, NOON, "", [NOON - HOUR], Hold("cap", NOON + 20 * HOUR)),
        (NEWS, NOON, "", [NOON - 5 * DAY, NOON - DAY], Hold("cap", NOON + DAY + 20 * HOUR)),
        (NEWS._replace(kind=2), NOON, "", [NOON - HOUR], LEAVE),
        (REPLY, NIGHT, "", [NIGHT - HOUR], LEAVE),
        (NEWS, NIGHT, "", [NIGHT], Hold("quiet", NIGHT + 9 * HOUR)),
        (NEWS._replace(expires_at=NIGHT + 1), NIGHT, "", [], Hold("quiet", NIGHT + 1)),
    ],
)
def test_manners(row, now, zone, told, verdict):
    """Bulk keeps the quiet hours of the member's zone, what nobody asked for the caps too."""
    row = row._replace(timezone=zone, closes_at=0)
    assert judge(row, STRICT, told, one_question=True, now=now) == verdict


def test_of_several_questions_the_one_that_closes_soonest_goes_first():
    """The others of that person wait; other people's, replies and news don't."""
    rows = [
        QUESTION._replace(id=1, closes_at=NOON + 3 * HOUR),
        QUESTION._replace(id=2, closes_at=NOON + HOUR),
        QUESTION._replace(id=3, closes_at=NOON + 2 * HOUR),
        QUESTION._replace(id=4, member_id=2),
        REPLY._replace(id=5, question=0),
        NEWS._replace(id=6),
        QUESTION._replace(id=7, closes_at=NOON + HOUR),
    ]
    assert in_turn(rows) == {1, 3, 7}
    assert in_turn(rows[::-1]) == {1, 3, 7}
