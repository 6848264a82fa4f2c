from __future__ import annotations

import json
import re

import pytest

from handlers.dialog import asking
from handlers.dialog.forms import Form, Question
from storage import answers, batches, rounds
from storage import forms as stored_forms
from storage.instant import HOUR, clock

pytestmark = pytest.mark.usefixtures("alliance")

POLL = ("poll", "Which first?", "--option", "Taps", "--option", "Price", "--yes")


def answer(read, values, round_id=1):
    """Let members answer: values by member."""

    async def unit(tx):
        for member_id, value in values.items():
            await answers.put(tx, round_id, member_id, 0, value, 1)

    read(unit)


def round_of(read, code="P1"):
    """Return a round by its code."""
    return read(lambda tx: rounds.by_code(tx, code))


def result(switchboard, code="P1"):
    """Return what `result --json` shows."""
    return json.loads(switchboard("result", code, "--json").stdout)


def test_its_code_alone_is_printed(switchboard, read):
    """Standard output carries the code of the poll; it closes after 72 hours and is anonymous."""
    before = clock()
    done = switchboard(*POLL)
    assert done.stdout == "P1\n"
    assert "  Accra Alliance: Which first? 1 Taps 2 Price 0 Skip." in done.stderr
    assert "people: 6," in done.stderr
    found = round_of(read)
    assert before + 72 * HOUR <= found.closes_at <= clock() + 72 * HOUR
    assert read(lambda tx: stored_forms.by_id(tx, found.form_id)).privacy == "anonymous"
    asked = read(lambda tx: batches.of_round(tx, found.id))
    assert (asked.kind, asked.audience) == ("poll", "all")


def test_named_to_an_audience_until_a_time(switchboard, read):
    """A named poll may have few people; --closes takes any time."""
    before = clock()
    done = switchboard(*POLL, "--named", "--audience", "type:donor", "--closes", "90m")
    assert done.stdout == "P1\n"
    found = round_of(read)
    assert before + 1.5 * HOUR <= found.closes_at <= clock() + 1.5 * HOUR
    assert found.audience == "type:donor"
    assert read(lambda tx: stored_forms.by_id(tx, found.form_id)).privacy == "named"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["Q", "--option", "A"], "a poll has 2 to 4 options, this 1"),
        (["Q", *["--option", "A"] * 5], "a poll has 2 to 4 options, this 5"),
        (["Q", "--option", "A", "--option", "a"], "two options are the same"),
        (["Q", "--option", "A", "--option", "STOP"], "is a word people send for something else"),
        (["Q", "--option", "A", "--option", "B" * 19], "an option has 1 to 18 characters"),
        (["Q" * 81, "--option", "A", "--option", "B"], "a question has 1 to 80 characters"),
        (["Q", "--option", "A", "--option", "B", "--closes", "never"], "as a time"),
        (["Q", "--option", "A", "--option", "B", "--audience", "type:donor"], "an audience of 5"),
        (["Q", "--option", "A", "--option", "B", "--audience", "x"], "there is no platform 'x'"),
    ],
)
def test_bad_polls(switchboard, read, args, says):
    """What can't be asked is told in one line, and nothing is kept of it."""
    assert says in switchboard("poll", *args, "--yes", code=1).stderr
    assert read(lambda tx: tx.row("SELECT COUNT(*) FROM rounds"))[0] == 0


def test_a_poll_needs_a_yes_too(switchboard, read):
    """Without --yes, and nobody to ask, a poll is previewed only."""
    assert "add --yes" in switchboard(*POLL[:-1], code=1).stderr
    assert read(lambda tx: tx.row("SELECT COUNT(*) FROM rounds"))[0] == 0


def test_few_answers_are_hidden(switchboard, read):
    """Of an anonymous poll with fewer than five answers only their number is shown."""
    switchboard(*POLL)
    answer(read, {1: "1", 2: "1", 3: "2", 4: "2"})
    assert result(switchboard) == {
        "code": "P1",
        "question": "Which first?",
        "closed": False,
        "answers": 4,
        "options": [{"text": "Taps", "count": None}, {"text": "Price", "count": None}],
    }
    assert "  hidden  Taps\n" in switchboard("result", "P1").stdout


def test_a_closed_poll(switchboard, read):
    """Closing counts, forgets who chose what, and lets the result out by group where safe."""
    switchboard(*POLL)
    answer(read, {1: "1", 2: "1", 3: "2", 4: "2", 5: "2"})
    assert switchboard("close", "p1").stdout == "P1 is closed\n"
    assert read(lambda tx: answers.counts(tx, 1)) == {}
    found = result(switchboard)
    assert found["closed"]
    assert found["answers"] == 5
    assert found["options"] == [{"text": "Taps", "count": 2}, {"text": "Price", "count": 3}]
    assert found["groups"] == [
        {"sector": "civil", "counts": {"Taps": 2, "Price": 3}},
    ]
    shown = switchboard("result", "p1").stdout
    assert shown.splitlines()[0] == "P1 closed: Which first?"
    assert "       3  Price\n" in shown
    assert "civil: Taps 2, Price 3\n" in shown


def test_a_poll_is_broken_down_by_what_was_chosen(switchboard, read):
    """By stakeholder type, if it was asked so; the total is the same."""
    switchboard(*POLL, "--by", "type")
    types = "UPDATE members SET type = CASE WHEN id < 6 THEN 'donor' ELSE 'business' END"
    read(lambda tx: tx.run(types))
    answer(read, {1: "1", 2: "1", 3: "2", 4: "2", 5: "2"})
    switchboard("close", "P1")
    assert result(switchboard)["groups"] == [{"type": "donor", "counts": {"Taps": 2, "Price": 3}}]
    assert "donor: Taps 2, Price 3\n" in switchboard("result", "P1").stdout


def test_a_small_group_is_hidden(switchboard, read):
    """A group that would give somebody away has null for its counts."""
    switchboard(*POLL)
    answer(read, {1: "1", 2: "1", 3: "2", 4: "2", 5: "2", 6: "1"})
    switchboard("close", "P1")
    groups = {group["sector"]: group["counts"] for group in result(switchboard)["groups"]}
    assert groups == {"civil": None, "private": None}
    assert "private: hidden\n" in switchboard("result", "P1").stdout


def test_a_poll_is_extended(switchboard, read):
    """EXTEND moves the close, and says when it is now."""
    switchboard(*POLL)
    before = clock()
    done = switchboard("extend", "p1", "5d")
    assert re.fullmatch(r"P1 closes \w{3} \S+\n", done.stdout)
    assert before + 120 * HOUR <= round_of(read).closes_at <= clock() + 120 * HOUR


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["close", "P1"], "P1 is closed already"),
        (["extend", "P1", "2h"], "P1 is closed already"),
        (["extend", "P1", "2020-01-01"], "that time is past"),
        (["extend", "P1", "now and then"], "as a time"),
        (["close", "P7"], "there is no poll 'P7'"),
        (["result", "P7"], "there is no poll 'P7'"),
        (["close", "JOIN"], "there is no poll 'JOIN'"),
        (["extend", "join", "2h"], "there is no poll 'JOIN'"),
        (["result", "join"], "there is no poll 'JOIN'"),
    ],
)
def test_what_is_no_open_poll(switchboard, read, args, says):
    """A closed poll stays closed, and the sign-up form is no poll at all."""
    form = Form(name="join", privacy="named", questions=(Question(kind="text", text={"en": "?"}),))
    switchboard(*POLL)
    read(lambda tx: asking.standing_round(tx, "JOIN", form, 1))
    switchboard("close", "P1")
    assert says in switchboard(*args, code=1).stderr
    assert round_of(read, "JOIN").state == "open"


# --- a form from a file ---

CHECK_IN = """
name = "May check-in"
privacy = "{privacy}"
[[questions]]
kind = "yes_no"
text = "Did they meet you?"
[[questions]]
kind = "number"
text = "{second}"
least = 0
most = 50
when = {{ question = 0, among = ["yes"] }}
[[questions]]
kind = "several"
text = "What of?"
options = ["Taps", "Price"]
[[questions]]
kind = "text"
text = "What else?"
"""


@pytest.fixture
def check_in(tmp_path):
    """A file with a form; called, it is written anew."""
    file = tmp_path / "check-in.toml"

    def write(privacy="counted", second="How many came?"):
        file.write_text(CHECK_IN.format(privacy=privacy, second=second))
        return file

    write()
    return write


def test_a_form_is_asked_from_a_file(switchboard, read, check_in):
    """Its first question leaves; what is asked, and how privately, stands in the file."""
    done = switchboard("poll", "--form", str(check_in()), "--yes")
    assert done.stdout == "P1\n"
    assert "Accra Alliance: Did they meet you? 1 Yes 2 No 0 Skip." in done.stderr
    assert "Only totals are shown." in done.stderr
    asked = round_of(read)
    stored = read(lambda tx: stored_forms.by_id(tx, asked.form_id))
    assert (stored.name, stored.version, stored.privacy) == ("May check-in", 1, "counted")


def test_a_form_in_json(switchboard, read, tmp_path):
    """The same in JSON."""
    file = tmp_path / "f.json"
    body = {"name": "f", "privacy": "named", "questions": [{"kind": "ladder", "text": "How?"}]}
    file.write_text(json.dumps(body))
    assert switchboard("poll", "--form", str(file), "--yes").stdout == "P1\n"


def test_an_open_round_keeps_its_version(switchboard, read, check_in):
    """A form that is changed in its file is asked anew; whoever was asked is asked as before."""
    switchboard("poll", "--form", str(check_in()), "--yes")
    switchboard("poll", "--form", str(check_in(second="How many women came?")), "--yes")
    asked = [round_of(read, code) for code in ("P1", "P2")]
    stored = [read(lambda tx, one=one: stored_forms.by_id(tx, one.form_id)) for one in asked]
    assert [(form.name, form.version) for form in stored] == [
        ("May check-in", 1), ("May check-in", 2),
    ]  # fmt: skip
    assert ["women" in form.body for form in stored] == [False, True]


def test_the_result_of_a_form_has_each_question(switchboard, read, check_in):
    """Of several each option's people, of a number each value; never anybody's words."""
    switchboard("poll", "--form", str(check_in()), "--yes")
    given = {1: ("yes", "3", "1,2", "Mud"), 2: ("yes", "12", "2", "Sand"), 3: ("no",)}

    async def unit(tx):
        for member, values in given.items():
            for question, value in enumerate(values):
                await answers.put(tx, 1, member, question, value, 1)

    read(unit)
    found = result(switchboard)
    assert [found["question"], found["answers"]] == ["Did they meet you?", 3]
    assert found["options"] == [{"text": "Yes", "count": 2}, {"text": "No", "count": 1}]
    _, number, several, words = found["questions"]
    assert number["options"] == [{"text": "3", "count": 1}, {"text": "12", "count": 1}]
    assert several["options"] == [{"text": "Taps", "count": 1}, {"text": "Price", "count": 2}]
    assert (words["answers"], words["options"]) == (2, [])
    shown = switchboard("result", "P1").stdout
    assert "P1 so far: What of?\n       1  Taps\n       2  Price\n       2  answered" in shown
    switchboard("close", "P1")
    assert "Mud" not in round_of(read).result
    assert "Mud" not in switchboard("result", "P1", "--json").stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "can't be read"),
        ("{", "can't be read"),
        ('{"name": "f"}', "privacy: "),
        ('{"name": "f", "privacy": "named", "questions": [{"kind": "x"}]}', "there is no kind 'x'"),
    ],
)
def test_bad_files(switchboard, tmp_path, text, says):
    """What is wrong with a file is told with its name and the place, in one line."""
    file = tmp_path / "f.json"
    file.write_text(text)
    told = switchboard("poll", "--form", str(file), "--yes", code=1).stderr
    assert says in told
    assert "f.json" in told


def test_a_file_of_bytes_and_one_that_is_not_there(switchboard, tmp_path):
    """Neither is a form."""
    file = tmp_path / "f.toml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in switchboard("poll", "--form", str(file), "--yes", code=1).stderr
    told = switchboard("poll", "--form", str(tmp_path / "none.toml"), "--yes", code=1).stderr
    assert "none.toml" in told


@pytest.mark.parametrize("more", [["Q?"], ["--option", "A"], ["--named"]])
def test_a_form_says_all_of_it_itself(switchboard, check_in, more):
    """What else the command line says of it would be two forms in one."""
    told = switchboard("poll", "--form", str(check_in()), *more, "--yes", code=1).stderr
    assert "stands in its file" in told
