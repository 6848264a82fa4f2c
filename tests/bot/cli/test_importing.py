from __future__ import annotations

import csv
import json
import re
import stat

import pytest

from bot.alliance import alliance_of
from bot.cli import importing
from bot.config import load
from storage import addresses as stored
from storage import barred, consents, members, organisations


@pytest.fixture(autouse=True)
def _places(switchboard):
    switchboard("platforms", "add", "accra", "Accra")
    switchboard("platforms", "add", "nima", "Nima", "--parent", "accra")


@pytest.fixture
def file(folder):
    """Return a function that writes lines to members.csv."""

    def write(*lines, encoding="utf-8"):
        path = folder / "members.csv"
        path.write_bytes("\n".join(lines).encode(encoding))
        return path

    return write


def listed(switchboard):
    """Return what `members list --json` shows."""
    return json.loads(switchboard("members", "list", "--json").stdout)


def sender(read, number):
    """Return who has a number."""
    return read(lambda tx: stored.sender(tx, "phones", number))


def test_a_whole_file(switchboard, file, read):
    """Every column is kept where it belongs, in whatever order they stand."""
    path = file(
        "language,organisation,type,platform,name,consent,phone",
        "es,Nima Users,water_users,NIMA,Ama Test,Yes,(202) 555-0101",
        "",
        ',"nima  USERS",donor,,,yes,+1 202 555 0102',
        ",,,,,yes,0012025550103",
    )
    result = switchboard("members", "import", path)
    assert result.stdout == "imported: 3\n"
    assert [tuple(member.values()) for member in listed(switchboard)] == [
        (1, "M1", "nima", "water_users", "es", "member"),
        (2, "M2", "accra", "donor", "en", "member"),
        (3, "M3", "accra", "", "en", "member"),
    ]
    body = read(lambda tx: organisations.by_key(tx, "nima users"))
    assert (body.name, body.type, body.sector) == ("Nima Users", "water_users", "civil")
    first, second = (read(lambda tx, n=n: members.by_id(tx, n)) for n in (1, 2))
    assert (first.name, first.organisation_id, first.sector) == ("Ama Test", body.id, "civil")
    assert (second.name, second.organisation_id) == ("", body.id)
    assert [sender(read, f"+1202555010{n}").member_id for n in (1, 2, 3)] == [1, 2, 3]


def test_the_consent_is_kept(switchboard, file, read):
    """How and when consent was given is kept: by default the file's name and the day."""
    switchboard("members", "import", file("phone,consent", "+12025550101,yes"))
    options = ("--consent-on", "2026-02-28", "--consent-how", "paper form")
    switchboard("members", "import", file("phone,consent", "+12025550102,yes"), *options)
    first, second = (read(lambda tx, n=n: consents.latest(tx, n)) for n in (1, 2))
    assert first[:2] == ("import", "members.csv")
    assert second[:3] == ("import", "paper form", "2026-02-28")
    acts = read(
        lambda tx: tx.rows(
            "SELECT by_member_id, subject, subject_id, count FROM audit WHERE act = 'enrol'"
        )
    )
    assert [tuple(act) for act in acts] == [(None, "member", 0, 1)] * 2


def test_the_first_message_introduces_us(switchboard, file, read):
    """Whoever was imported has not been told yet who we are."""
    switchboard("members", "import", file("phone,consent", "+12025550101,yes"))
    row = read(lambda tx: tx.row("SELECT introduced FROM members WHERE id = 1"))
    assert not row[0]


@pytest.mark.parametrize(
    ("encoding", "sign", "end"),
    [("utf-8", ",", ""), ("utf-8-sig", ",", ""), ("utf-8-sig", ";", "\r"), ("utf-8", ";", "")],
)
def test_what_spreadsheets_write(switchboard, file, encoding, sign, end):
    """A byte order mark, semicolons, DOS line ends and trailing signs make no difference."""
    header = sign.join(["Phone ", "CONSENT", "name", ""])
    path = file(
        header + end, sign.join(["+12025550101", "yes", "Zoë", ""]) + end, encoding=encoding
    )
    assert switchboard("members", "import", path).stdout == "imported: 1\n"


BAD = [
    ("12,yes,,,,,", "a phone number of that country has another length"),
    ("call me,yes,,,,,", "that is not a phone number"),
    (",yes,,,,,", "there is no phone number"),
    ("+12025550199,no,,,,,", "(...199) consent is not 'yes'"),
    ("+12025550199,,,,,,", "(...199) consent is not 'yes'"),
    ("+12025550199,yes,,nimma,,,", "(...199) there is no such platform; the nearest is 'nima'"),
    ("+12025550199,yes,,,water_user,,", "there is no such type; the nearest is 'water_users'"),
    ("+12025550199,yes,,,,,fr", "there is no such language; the nearest is 'es'"),
    (f"+12025550199,yes,{'n' * 81},,,,", "name is longer than 80 characters"),
    (f"+12025550199,yes,,,,{'n' * 81},", "organisation is longer than 80 characters"),
    ("+12025550199,yes,,,,,,,more", "it has more cells than the first line"),
    ("+120255501991234567,yes,,,,,", "(...567) a phone number of that country has another length"),
]


@pytest.mark.parametrize(("line", "says"), BAD, ids=[says[-30:] for _, says in BAD])
def test_one_bad_line_imports_nothing(switchboard, file, folder, line, says):
    """A bad line is told by its place and three digits, and keeps all others out."""
    header = "phone,consent,name,platform,type,organisation,language"
    path = file(header, '+12025550101,yes,"on two\nlines",,,,', line)
    result = switchboard("members", "import", path, code=1)
    assert result.stderr.splitlines()[0].startswith("line 4: ")
    assert says in result.stderr.splitlines()[0].replace("(...123) ", "")
    assert not {"5550101", "5550199", "1234567"} & set(re.findall(r"\d{7}$|\d{7}\b", result.output))
    assert "1 bad line, so nothing was imported" in result.stderr
    assert listed(switchboard) == []
    assert not (folder / "members.bad.csv").exists()


def test_bad_lines_can_be_left_out(switchboard, file, folder):
    """With --skip-bad the bad lines go, as they were, to a file of the owner's beside."""
    path = file("phone;consent;name", "+12025550101;yes;A", "+1;yes;B;", '+12025550102;no;"C;D"')
    result = switchboard("members", "import", path, "--skip-bad")
    bad = folder / "members.bad.csv"
    assert result.stdout == f"imported: 1\nbad lines: 2, now in {bad}\n"
    assert [line[:7] for line in result.stderr.splitlines()] == ["line 3:", "line 4:"]
    with bad.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle, delimiter=";"))
    assert rows == [
        ["phone", "consent", "name"],
        ["+1", "yes", "B", ""],
        ["+12025550102", "no", "C;D"],
    ]
    assert stat.S_IMODE(bad.stat().st_mode) == 0o600
    again = switchboard("members", "import", path, "--skip-bad", code=1)
    assert "is there already: nothing was imported" in again.stderr


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "the column 'phone' is missing"),
        (["phone,name", "+12025550101,A"], "the column 'consent' is missing"),
        (["consent,name", "yes,A"], "the column 'phone' is missing"),
        (["phone,consent,platfrom"], "there is no column 'platfrom'; the nearest is 'platform'"),
        (["phone,consent,name,name"], "the column 'name' is there twice"),
        (["phone,consent,,name"], "there is no column number 3"),
        (["+12025550123,yes"], "there is no column number 1"),
        (["phone,consent"], "holds nobody"),
        (["phone,consent", '"+12025550101,yes'], "line 2 can't be read as CSV"),
    ],
)
def test_files_that_are_none(switchboard, file, lines, says):
    """A file that is no such table is refused as a whole, and never quoted."""
    result = switchboard("members", "import", file(*lines), code=1)
    assert says in result.stderr
    assert "202555" not in result.stderr


def test_files_that_can_not_be_read(switchboard, file, folder):
    """A file in another encoding, or none, is told in a line."""
    path = file("phone,consent,name", "+12025550101,yes,Zoë", encoding="latin-1")
    assert "is not UTF-8 text" in switchboard("members", "import", path, code=1).stderr
    gone = switchboard("members", "import", folder / "no.csv", code=1).stderr
    assert "no.csv: No such file or directory" in gone


def test_who_is_known_is_left_alone(switchboard, file, folder, read):
    """Members, and people who stopped, said no or were erased, stay as they are."""
    alliance = alliance_of(load(folder / "config.toml"))
    switchboard("members", "import", file("phone,consent", "+12025550101,yes", "+12025550102,yes"))

    async def unit(tx):
        await members.put(tx, 1, "alias", "Kofi")
        await members.stop(tx, 2, 1)
        for number, reason in (("+12025550103", "no"), ("+12025550104", "erased")):
            await barred.add(tx, barred.keyed(alliance.hash_key, "phones", number), reason, 1)
        address = await stored.add(tx, "phones", "+12025550105", 1)
        await stored.put_state(tx, address, "carrier")

    read(unit)
    numbers = (f"+1202555010{n},yes,donor" for n in range(1, 7))
    result = switchboard("members", "import", file("phone,consent,type", *numbers))
    assert result.stdout.splitlines() == [
        "imported: 1",
        "left as they were, since they are members already: 1",
        "left as they were, since they asked us to stop: 2",
        "left as they were, since they said no when they were asked: 1",
        "left as they were, since they had themselves erased: 1",
    ]
    assert [(m["alias"], m["type"], m["state"]) for m in listed(switchboard)] == [
        ("Kofi", "", "member"),
        ("M2", "", "stopped"),
        ("M3", "donor", "member"),
    ]


def test_a_number_that_is_there_twice(switchboard, file):
    """Of two lines with one number, however it is written, the first counts."""
    path = file("phone,consent,type", "+12025550101,yes,donor", "2025550101,yes,media")
    result = switchboard("members", "import", path)
    assert result.stderr == "line 3: left out, its number is that of line 2\n"
    assert "twice in the file: 1" in result.stdout
    assert [member["type"] for member in listed(switchboard)] == ["donor"]


def test_a_dry_run_changes_nothing(switchboard, file, folder):
    """--dry-run counts what an import would do."""
    switchboard("members", "import", file("phone,consent", "+12025550101,yes"))
    path = file("phone,consent", "+12025550101,yes", "+12025550102,yes", "+12025550103,no")
    result = switchboard("members", "import", path, "--dry-run", "--skip-bad")
    assert result.stdout.splitlines() == [
        "would import: 1",
        "left as they were, since they are members already: 1",
        "bad lines: 1",
    ]
    assert len(listed(switchboard)) == 1
    assert not (folder / "members.bad.csv").exists()


def test_many_lines_go_in_units(switchboard, file, monkeypatch, read):
    """A long file is imported in several transactions, each with its entry in the audit."""
    monkeypatch.setattr(importing, "UNIT", 4)
    monkeypatch.setattr(importing, "MANY", 5)
    path = file("phone,consent", *(f"+120255501{n:02},yes" for n in range(10)))
    result = switchboard("members", "import", path)
    assert result.stdout == "imported: 10\n"
    assert "lines" in result.stderr
    counts = read(lambda tx: tx.rows("SELECT count FROM audit WHERE act = 'enrol' ORDER BY id"))
    assert [row["count"] for row in counts] == [4, 4, 2]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--consent-on", "yesterday"], "--consent-on is a day such as"),
        (["--consent-on", "2999-01-01"], "--consent-on is a day to come"),
        (["--channel", "sms"], "there is no channel 'sms'; there are phones"),
    ],
)
def test_bad_options(switchboard, file, args, says):
    """What the options say is checked before anything is imported."""
    path = file("phone,consent", "+12025550101,yes")
    assert says in switchboard("members", "import", path, *args, code=1).stderr


def test_numbers_of_countries_that_are_not_answered(switchboard, file, folder, monkeypatch):
    """A number whose STOP would not be answered is not imported."""
    monkeypatch.setenv("SWITCHBOARD_PRIVACY__HASH_KEY", "k" * 16)
    monkeypatch.setenv("SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN", "t" * 32)
    text = (folder / "config.toml").read_text(encoding="utf-8")
    sms = (
        f'[channels.sms]\ndriver = "twilio"\naccount_sid = "AC{"0" * 32}"\nsender = "+15005550006"'
    )
    text = text.replace('[channels.phones]\ndriver = "simulator"', sms)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    result = switchboard("members", "import", file("phone,consent", "+233201234567,yes"), code=1)
    assert "line 2: (...567) the number is not one of US" in result.stderr
