"""The configuration: what loads, what is refused, and in which words."""

from __future__ import annotations

import json
import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import Field, SecretStr
from pydantic_core import PydanticUndefined

from bot import channels
from bot.channels.base import ChannelSettings, Driver
from bot.config import Settings, keys, load
from bot.config.sections import DEFAULT_TYPES, StakeholderType
from storage.errors import BadConfig

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef-key"
TOKEN = "12345678:AAtoken"

SIMULATOR = """
[alliance]
name = "Accra Learning Alliance"
timezone = "Africa/Accra"
country = "GH"
[channels.phones]
driver = "simulator"
"""

RADIO = SIMULATOR.replace('"simulator"', '"radio"')


class RadioSettings(ChannelSettings):
    wave: int = Field(default=7, ge=1)
    power: float = 1.0
    licence: SecretStr = SecretStr("")
    regions: tuple[str, ...] = ()


def _never_built(name, settings, context):
    raise AssertionError(name, settings, context)


DRIVERS = {
    "simulator": Driver(ChannelSettings, _never_built),
    "radio": Driver(RadioSettings, _never_built),
}


def _driver(name):
    if name not in DRIVERS:
        raise BadConfig(f"there is no channel driver {name!r}")
    return DRIVERS[name]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith(keys.PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Load a text as config.toml with variables, and drivers that need no provider."""
    monkeypatch.setattr(channels, "driver", _driver)

    def load_text(text, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"SWITCHBOARD_{name}", value)
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return load_text


def toml(value):
    """Return a value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def text_of(tree):
    """Return a whole file."""
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in tree.items())


def over(tree, change):
    """Return a tree with another laid over it; an empty table replaces."""
    if not (isinstance(tree, dict) and isinstance(change, dict) and change):
        return change
    return tree | {key: over(tree.get(key), value) for key, value in change.items()}


def problems(read, text, **variables):
    """Return the lines of the message that refuses a configuration, without the first."""
    with pytest.raises(BadConfig) as refused:
        read(text, **variables)
    return str(refused.value).split("\n  ")[1:]


# --- what loads ------------------------------------------------------------------------


def test_defaults_fill_what_is_left_out(read, tmp_path):
    """A name, a zone, a country and a channel are enough, and the rest is as documented."""
    settings = read(SIMULATOR)
    assert settings.alliance.languages == ("en",)
    assert settings.storage.url == f"sqlite:///{tmp_path}/switchboard.db"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)
    assert settings.web.public_url == "http://127.0.0.1:8080"
    assert settings.manners.ttl == timedelta(hours=48)
    assert settings.types == DEFAULT_TYPES
    assert len(settings.privacy.hash_key.get_secret_value()) >= 16


def test_a_variable_wins_over_the_file(read):
    """Each SWITCHBOARD_ variable lands in its setting, text as text and numbers as numbers."""
    settings = read(
        RADIO + '[manners]\nper_day = 1\nquiet = ""\n',
        MANNERS__PER_DAY="5",
        ALLIANCE__LANGUAGES='["en", "es"]',
        ALLIANCE__NAME="1234",
        PRIVACY__HASH_KEY="1234567890123456",
        CHANNELS__PHONES__LICENCE="123",
        CHANNELS__PHONES__WAVE="12",
        TYPES='[{"code": "a", "sector": "civil"}]',
    )
    assert (settings.manners.per_day, settings.manners.quiet) == (5, "")
    assert settings.alliance.languages == ("en", "es")
    assert settings.alliance.name == "1234"
    assert settings.privacy.hash_key.get_secret_value() == "1234567890123456"
    assert settings.types == (StakeholderType(code="a", sector="civil"),)
    radio = settings.channels["phones"]
    assert isinstance(radio, RadioSettings)
    assert (radio.licence.get_secret_value(), radio.wave) == ("123", 12)


def test_a_channel_can_be_variables_alone(read):
    """A container needs no file entry for a channel: its driver's variable makes it."""
    settings = read(
        SIMULATOR.split("[channels", maxsplit=1)[0],
        CHANNELS__MY_RADIO__DRIVER="radio",
        CHANNELS__MY_RADIO__REGIONS='["north"]',
        PRIVACY__HASH_KEY=KEY,
    )
    assert settings.channels["my_radio"].regions == ("north",)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("sqlite:///data/a.db", "sqlite:///{folder}/data/a.db"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
        ("postgresql://bot@db.example.org/alliance", "postgresql://bot@db.example.org/alliance"),
    ],
)
def test_a_relative_file_stands_beside_the_configuration(read, tmp_path, written, url):
    """A SQLite file is looked for beside config.toml, wherever the program is started."""
    settings = read(f'{SIMULATOR}\n[storage]\nurl = "{written}"')
    assert settings.storage.url == url.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("listen", "host", "port", "loopback"),
    [
        ("localhost:1", "localhost", 1, True),
        ("127.9.9.9:65535", "127.9.9.9", 65535, True),
        ("[::1]:80", "::1", 80, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),  # noqa: S104
        ("[2001:db8::1]:80", "2001:db8::1", 80, False),
    ],
)
def test_listen_is_an_address_and_a_port(read, listen, host, port, loopback):
    """Where to listen is taken apart, IPv6 too, and known to be loopback or not."""
    web = read(f'{RADIO}\n[web]\nlisten = "{listen}"', PRIVACY__HASH_KEY=KEY).web
    assert (web.host, web.port, web.loopback) == (host, port, loopback)


def test_the_public_url_has_no_trailing_slash(read):
    """Paths are joined to it, so a slash at its end is dropped."""
    settings = read(f'{SIMULATOR}\n[web]\npublic_url = "https://a.example.org/bot/"')
    assert settings.web.public_url == "https://a.example.org/bot"


def test_the_example_loads_as_it_is(monkeypatch):
    """config.example.toml loads once the secrets are in the environment."""
    monkeypatch.setenv("SWITCHBOARD_CHANNELS__SMS__AUTH_TOKEN", KEY)
    monkeypatch.setenv("SWITCHBOARD_CHANNELS__TELEGRAM__TOKEN", TOKEN)
    monkeypatch.setenv("SWITCHBOARD_PRIVACY__HASH_KEY", KEY)
    settings = load(ROOT / "config.example.toml")
    assert {c.driver for c in settings.channels.values()} == {"twilio", "telegram"}
    assert KEY not in repr(settings)
    assert TOKEN not in repr(settings)


# --- what is refused -------------------------------------------------------------------

PUBLIC = '[web]\nlisten = "0.0.0.0:80"'
SECRET = "swordfish-swordfish"
TYPE = '[[types]]\ncode = "{}"\nsector = "civil"\nline = "{}"\n'

BAD = [
    ("[alliance]\nname = 5", ["alliance.name: must be text in quotes"]),
    ("[alliance]\nname = 'Accra Water Learning Alliance'", ["at most 24 characters"]),
    ("[alliance]\nname = ' A'", ["alliance.name: must be one line without spaces around it"]),
    ('[alliance]\ntimezone = "Afrika/Accra"', ['such as "Africa/Accra"']),
    ('[alliance]\ntimezone = "../etc"', ["alliance.timezone: must be an IANA time zone"]),
    ('[alliance]\ntimezone = "Africa"', ["alliance.timezone: must be an IANA time zone"]),
    ("[alliance]\nlanguages = []", ["alliance.languages: needs one language at least"]),
    ('[alliance]\nlanguages = ["en", 3]', ["alliance.languages, entry 2: must be text"]),
    ('[alliance]\nlanguages = ["English"]', ["alliance.languages: must be language codes"]),
    ('[alliance]\nlanguages = ["en", "en"]', ["alliance.languages: names a language twice"]),
    ('[alliance]\nlanguages = "en"', ["alliance.languages: must be a list"]),
    ('[alliance]\ncountry = "UK"', ["alliance.country: must be an ISO 3166 code"]),
    (
        '[alliance]\ntimezon = "UTC"',
        ["alliance.timezon is no setting; the nearest is alliance.timezone"],
    ),
    ("alliance = 3", ["alliance: must be a table"]),
    ("[alliances]", ["alliances is no setting; the nearest is alliance"]),
    ("quiet = ''", ["quiet is no setting; the nearest is manners.quiet"]),
    ("_env_file = ''", ["_env_file is no setting"]),
    ('[storage]\nurl = "mysql://h/d"', ["storage.url: must be sqlite:///file"]),
    ('[storage]\nurl = "sqlite://a.db"', ["storage.url: must be sqlite:///file"]),
    ('[storage]\nurl = "sqlite:///:memory:"', ["storage.url: must be sqlite:///file"]),
    ('[storage]\nurl = "postgresql://u@h"', ["storage.url: names no database"]),
    (
        '[storage]\nurl = "postgresql://u:pass@h/d"',
        ["holds a password, which must not stand in the file: set SWITCHBOARD_STORAGE__URL"],
    ),
    ('[storage]\nurl = "postgresql://h/d?password=x"', ["SWITCHBOARD_STORAGE__URL"]),
    ('[storage]\nurl = "postgresql://[u:p"', ["storage.url"]),
    ('[web]\nlisten = "localhost"', ["web.listen: must be an address and a port"]),
    ('[web]\nlisten = "example.org:80"', ["web.listen: must be an address and a port"]),
    ('[web]\nlisten = "::1:80"', ["web.listen: must be an address and a port"]),
    ('[web]\nlisten = "127.0.0.1:65536"', ["web.listen: must be an address and a port"]),
    ('[web]\npublic_url = "alliance.example.org"', ["web.public_url: must be an address"]),
    ('[web]\npublic_url = "https://a.example.org/?x=1"', ["web.public_url: must be an address"]),
    ('[web]\npublic_url = "http://[a"', ["web.public_url: must be an address"]),
    ("[channels]", ["channels: one is needed at least", "privacy.hash_key is missing"]),
    ("channels = 3", ["channels: must be a table", "privacy.hash_key is missing"]),
    ("[channels]\nphones = 3", ["channels.phones: must be a table", "hash_key is missing"]),
    ("[channels.a]\nrate = 3", ["channels.a: names no driver"]),
    ('[channels.a]\ndriver = "simulater"', ["no channel driver", "privacy.hash_key is missing"]),
    ('[channels."SMS"]\ndriver = "simulator"', ["channels.SMS is no name for a channel"]),
    ('[channels.a__b]\ndriver = "simulator"', ["channels.a__b is no name for a channel"]),
    ('[channels.a]\ndriver = "simulator"\nrate = "3"', ["channels.a.rate: must be a number"]),
    ('[channels.a]\ndriver = "simulator"\nrate = true', ["channels.a.rate: must be a number"]),
    ('[channels.a]\ndriver = "simulator"\nrate = 0', ["channels.a.rate: must be greater than 0"]),
    ('[channels.a]\ndriver = "simulator"\nin_fligth = 1', ["nearest is channels.a.in_flight"]),
    ('[channels.a]\ndriver = "radio"', ["privacy.hash_key is missing", "can't stand beside"]),
    (PUBLIC, ["web.listen must be a loopback address"]),
    ('[manners]\nquiet = "20-8"', ["manners.quiet: must be two different times"]),
    ('[manners]\nquiet = "24:00-08:00"', ["manners.quiet: must be two different times"]),
    ('[manners]\nquiet = "08:00-08:00"', ["manners.quiet: must be two different times"]),
    ('[manners]\nper_day = "1"', ["manners.per_day: must be a whole number"]),
    ("[manners]\nper_day = true", ["manners.per_day: must be a whole number"]),
    ("[manners]\nper_week = -1", ["manners.per_week: must be greater than or equal to 0"]),
    ("[manners]\nttl = 48", ['manners.ttl: must be a span such as "90m"']),
    ('[manners]\nttl = "2 days"', ['manners.ttl: must be a span such as "90m"']),
    ('[manners]\nttl = "0h"', ["manners.ttl: must be greater than or equal to 1 minute"]),
    ("[manners]\nreplies_per_hour = 0", ["manners.replies_per_hour: must be greater"]),
    ("[manners]\nsmallest_group = 9", ["the nearest is privacy.smallest_group"]),
    ("[privacy]\nadult_age = 12", ["privacy.adult_age: must be greater than or equal to 13"]),
    ("[privacy]\nsmallest_group = 1", ["privacy.smallest_group: must be greater than or"]),
    (f'[privacy]\nhash_key = "{SECRET}"', ["set SWITCHBOARD_PRIVACY__HASH_KEY"]),
    ("types = []", ["types: needs one entry at least"]),
    ('[[types]]\ncode = "a"\nsector = "civic"', ["types, entry 1, sector: must be 'public'"]),
    ('[[types]]\ncode = "A"\nsector = "civil"', ["types, entry 1, code: should match"]),
    ('[[types]]\ncode = "a"\nsector = "civil"\nlin = ""', ["the nearest is types.line"]),
    ('[[types]]\ncode = "a"\nsector = "civil"\n' * 2, ["types: names a code twice"]),
    (
        TYPE.format("a", "Us") + TYPE.format("b", "us"),
        ["types: has the same line twice"],
    ),
    (
        "".join(TYPE.format(f"a{n}", n) for n in range(9)),
        ["types: has 9 lines; a menu by SMS holds 8"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_bad_settings_are_told_in_words(read, text, expected):
    """A bad file is refused with one line for each problem, and none carries a secret."""
    told = problems(read, text_of(over(tomllib.loads(SIMULATOR), tomllib.loads(text))))
    assert len(told) == len(expected), told
    for words in expected:
        assert any(words in line for line in told), told
    assert SECRET not in "".join(told)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MANERS__QUIET": ""}, ["MANERS__QUIET matches no setting", "_MANNERS__QUIET"]),
        ({"CHANNELS__PHONE__WAVE": "1"}, ["the nearest is SWITCHBOARD_CHANNELS__PHONES__WAVE"]),
        ({"CHANNELS__PHONES__LICENSE": SECRET}, ["SWITCHBOARD_CHANNELS__PHONES__LICENCE"]),
        ({"manners__quiet": ""}, ["SWITCHBOARD_manners__quiet matches no setting"]),
        ({"MANNERS": "{}"}, ["SWITCHBOARD_MANNERS matches no setting"]),
        ({"": "x"}, ["SWITCHBOARD_ matches no setting"]),
        ({"MANNERS__PER_DAY": SECRET}, ["SWITCHBOARD_MANNERS__PER_DAY: must be a whole number"]),
        ({"CHANNELS__PHONES__WAVE": "0"}, ["SWITCHBOARD_CHANNELS__PHONES__WAVE: must be greater"]),
        ({"CHANNELS__PHONES__RATE": SECRET}, ["SWITCHBOARD_CHANNELS__PHONES__RATE: must be a num"]),
        ({"PRIVACY__HASH_KEY": "too-short"}, ["_HASH_KEY: must have 16 characters or more"]),
        ({"TYPES": SECRET}, ["SWITCHBOARD_TYPES: must be a list"]),
    ],
)
def test_bad_variables_are_told_by_name(read, variables, expected):
    """A variable that is no setting, or holds a bad value, is named; its value is not."""
    [told] = problems(read, RADIO, **{"PRIVACY__HASH_KEY": KEY, **variables})
    for words in expected:
        assert words in told
    assert SECRET not in told


def test_every_problem_is_told_at_once(read):
    """The file, the secrets in it and the variables are all looked at before refusing."""
    text = RADIO + f'licence = "{SECRET}"\n[web]\nlisten = 3\n[sms]\n'
    told = problems(read, text, MANERS="1", MANNERS__TTL="soon")
    assert [line.split(" is ")[0].split(": ")[0].split(" m")[0] for line in told] == [
        "sms",
        "channels.phones.licence",
        "SWITCHBOARD_MANERS",
        "privacy.hash_key",
        "web.listen",
        "SWITCHBOARD_MANNERS__TTL",
    ]


def test_variables_of_an_unknown_driver_are_not_blamed(read):
    """A misspelt driver is one problem: what its settings would be nobody knows."""
    text = SIMULATOR.replace("simulator", "rodio")
    [told] = problems(read, text, CHANNELS__PHONES__LICENCE="1", PRIVACY__HASH_KEY=KEY)
    assert told == "channels.phones: there is no channel driver 'rodio'"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[alliance\n", r"is not TOML: .*\(at line 1, column 10\)"),
        (b"name = \xff", r"is not UTF-8 text \(byte 8\)"),
        (b"name = " + b"[" * 10_000, r"is not TOML: .* nested too deeply"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path, content, words):
    """What is not TOML is refused with line and column."""
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(BadConfig, match=words):
        load(tmp_path / "config.toml")


def test_a_missing_file_is_told_with_what_to_do(tmp_path):
    """Without a file the way to make one is told."""
    with pytest.raises(BadConfig, match="copy config"):
        load(tmp_path / "config.toml")


def test_a_folder_is_not_a_file(tmp_path):
    """What the system refuses to read is told in the system's words."""
    with pytest.raises(BadConfig, match="can't be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("name", channels.names())
def test_secrets_of_every_driver_are_refused_in_the_file(tmp_path, name):
    """No driver's secret may stand in the file, and its variable is named instead."""
    for key in keys.of_model(channels.driver(name).settings, ("channels", "a")):
        if key.secret:
            path = tmp_path / "config.toml"
            path.write_text(f'[channels.a]\ndriver = "{name}"\n{key.path[-1]} = "{SECRET}"')
            with pytest.raises(BadConfig) as refused:
                load(path)
            told = str(refused.value)
            assert f"{keys.dotted(key.path)} is a secret" in told
            assert f"set {keys.variable(key.path)}" in told
            assert SECRET not in told


# --- what is documented ----------------------------------------------------------------


def default_of(field):
    """Return a default as docs/configuration.md writes it."""
    default = field.get_default(call_default_factory=True, validated_data={"listen": "x"})
    if default is PydanticUndefined or isinstance(default, SecretStr):
        return "required"
    if default == "http://x":
        return "`http://` and `web.listen`"
    if isinstance(default, timedelta):
        return f'`"{default // timedelta(hours=1)}h"`'
    return f"`{toml(list(default) if isinstance(default, tuple) else default)}`"


def says_default(cell, field):
    """Tell whether a cell gives a setting's default, alone or with a word more."""
    default = default_of(field)
    return cell == default or cell.startswith((f"{default}:", f"{default},", f"{default} "))


def rows(text):
    """Return the cells of each row of a page's tables by their first cell."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def fields(model, prefix=""):
    """Yield each setting of a model, by dotted key."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and hasattr(inner, "model_fields"):
            yield from fields(inner, f"{prefix}{name}.")
        elif f"{prefix}{name}" not in {"channels", "types"}:
            yield f"{prefix}{name}", field


PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SECTIONS = [*fields(Settings), *fields(StakeholderType, "types.")]


@pytest.mark.parametrize(("key", "field"), SECTIONS, ids=[key for key, _ in SECTIONS])
def test_every_setting_is_documented(key, field):
    """Each setting has a row with its default and its variable in docs/configuration.md."""
    row = rows(PAGE)[key]
    assert says_default(row[2], field)
    assert key.startswith("types.") or row[4] == f"`{keys.variable(key.split('.'))}`"


@pytest.mark.parametrize("name", channels.names())
def test_every_setting_of_every_driver_is_documented(name):
    """Each driver has a part of docs/configuration.md with a row for each of its settings."""
    everyone, part = PAGE.split("### Driver ")[0], PAGE.split(f"### Driver {name}\n")[1]
    documented = rows(everyone) | rows(re.split(r"^##", part, flags=re.MULTILINE)[0])
    for key, field in fields(channels.driver(name).settings, "channels.NAME."):
        assert says_default(documented[key][2], field), key
        assert documented[key][4] == f"`{keys.variable(key.split('.'))}`"


def test_the_default_types_are_documented():
    """docs/configuration.md lists the default stakeholder types, in their order."""
    table = [tuple(row) for row in rows(PAGE).values() if row[1] in {"public", "private", "civil"}]
    assert table == [(f"`{t.code}`", t.sector, t.line) for t in DEFAULT_TYPES]
