from __future__ import annotations

import re

import pytest

from bot.cli import preview
from storage import batches, members
from storage.instant import DAY, HOUR, clock

pytestmark = pytest.mark.usefixtures("alliance")

MISSING = (
    *("local_champion", "civil_society", "water_management", "business", "supporter", "media"),
    "other",
)
UNTIL = re.compile(r"what has not left by .* will not be sent")


def batch(read, number=1):
    """Return a broadcast by its number."""
    return read(lambda tx: batches.by_id(tx, number))


def test_its_number_alone_is_printed(switchboard, read):
    """Standard output carries the number of the broadcast, so that a script can go on with it."""
    result = switchboard("announce", "Water is off", "--yes")
    assert result.stdout == "1\n"
    found = batch(read)
    assert found.texts == {"en": "Water is off"}
    assert (found.kind, found.audience, found.state) == ("announcement", "all", "queueing")
    assert switchboard("announce", "Water is on", "--yes").stdout == "2\n"


def test_the_preview_tells_all(switchboard, read):
    """Before anything leaves: people, cost, time, who is left out, who is missing."""
    read(lambda tx: members.stop(tx, 6, 1))
    result = switchboard("announce", "Water is off", "--text", "es=No hay agua", "--yes")
    lines = result.stderr.splitlines()
    assert UNTIL.fullmatch(lines[6])
    assert lines[:6] + lines[7:] == [
        "  Water is off",
        "  No hay agua",
        "people: 5, of whom 0 can't be reached",
        "left out, as they asked us to stop: 1",
        "segments: 5, 1 for each SMS; cost: none known",
        "takes: 1 s at the channels' rate",
        "drafts, so our own words are in another language: es (see languages accept)",
        f"nobody of: {', '.join(MISSING)}",
    ]


def test_who_reads_another_language(switchboard):
    """The preview says who gets a text in another language than theirs."""
    assert "read es, and get en: 1\n" in switchboard("announce", "Hello", "--yes").stderr


def test_texts_in_several_languages(switchboard, read):
    """--text adds a language, and may hold what else an equals sign stands in."""
    switchboard("announce", "1 + 1", "--text", "es=1 + 1 = 2", "--yes")
    assert batch(read).texts == {"en": "1 + 1", "es": "1 + 1 = 2"}


def test_an_audience(switchboard, read):
    """--audience is an expression, kept in its canonical form."""
    args = ("--audience", "NIMA and not (type:donor or lang:es)", "--yes")
    assert "people: 4," in switchboard("announce", "Hello", *args).stderr
    assert batch(read).audience == "nima and not (type:donor or lang:es)"


def test_at_a_time(switchboard, read):
    """--at lets it leave later; until then nothing is queued."""
    before = clock()
    result = switchboard("announce", "Hello", "--at", "2h", "--yes")
    found = batch(read)
    assert before + 2 * HOUR <= found.due_at <= clock() + 2 * HOUR
    assert found.state == "scheduled"
    assert found.expires_at == found.due_at + 2 * DAY
    assert "leaves: " in result.stderr


def test_quiet_hours_are_told(switchboard, folder, monkeypatch):
    """Who is held until when is told as the sender will do it."""
    text = (folder / "config.toml").read_text(encoding="utf-8")
    text = text.replace('quiet = ""', 'quiet = "20:00-08:00"')
    (folder / "config.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("bot.cli.announcing.clock", lambda: 1_767_225_600_000)  # 2026-01-01, 0:00
    assert "held until 08:00: 6 (quiet hours)\n" in switchboard("announce", "Hi", "--yes").stderr
    later = switchboard("announce", "Hi", "--at", "2026-01-03 21:00", "--yes").stderr
    assert "held until 08:00: 6 (quiet hours)\n" in later
    noon = switchboard("announce", "Hi", "--at", "2026-01-03 12:00", "--yes").stderr
    assert "held" not in noon


def test_nothing_is_sent_without_a_yes(switchboard, read):
    """Where nobody can be asked, the preview is shown and --yes is asked for."""
    result = switchboard("announce", "Hello", code=1)
    assert result.stdout == ""
    assert "people: 6," in result.stderr
    assert "nothing was sent: add --yes to send it" in result.stderr
    assert read(lambda tx: tx.row("SELECT COUNT(*) FROM batches"))[0] == 0


@pytest.mark.parametrize(("answer", "code", "sent"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0)])
def test_a_person_is_asked(switchboard, read, monkeypatch, answer, code, sent):
    """On a terminal the preview is followed by a question, to which no is the default."""
    monkeypatch.setattr(preview, "asks", lambda: True)
    result = switchboard("announce", "Hello", code=code, input=answer)
    assert "Send it?" in result.output
    assert read(lambda tx: tx.row("SELECT COUNT(*) FROM batches"))[0] == sent


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["  "], "an announcement needs a text"),
        (["x" * 2000], "longer than 10 SMS"),
        (["Hi", "--text", "Hola"], '--text is a language and a text: --text es="..."'),
        (["Hi", "--text", "en=Hello"], "there are two texts in 'en'"),
        (["Hi", "--text", "fr=Salut"], "the alliance does not speak fr"),
        (["Hi", "--audience", "nimma"], "there is no platform 'nimma'"),
        (["Hi", "--audience", "type:king"], "there is no type 'king'"),
        (["Hi", "--audience", "nima and"], "udience"),
        (["Hi", "--at", "soon"], "I can't read 'soon' as a time"),
        (["Hi", "--at", ""], "I can't read '' as a time"),
        (["Hi", "--at", "2020-01-01"], "that time is past"),
    ],
)
def test_bad_announcements(switchboard, read, args, says):
    """What can't be sent is told in one line, and nothing is kept of it."""
    result = switchboard("announce", *args, "--yes", code=1)
    assert says in result.stderr
    assert result.stdout == ""
    assert read(lambda tx: tx.row("SELECT COUNT(*) FROM batches"))[0] == 0
