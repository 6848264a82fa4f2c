"""The sections of config.toml, each a frozen model; pure, no file and no variable is read."""

from __future__ import annotations

import difflib
import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

SPAN = re.compile(r"(\d{1,5})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
MENU = 8  # choices of one sign-up question


class Section(BaseModel):
    """One table of config.toml: values of the wrong type are refused, not converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Alliance(Section):
    """Whose bot this is."""

    name: str = Field(min_length=1, max_length=24)
    timezone: str
    languages: tuple[str, ...] = Field(default=("en",), strict=False)
    country: str

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        if not name.isprintable() or name != name.strip():
            raise ValueError("must be one line without spaces around it")
        return name

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            near = difflib.get_close_matches(name, sorted(available_timezones()), 1)
            hint = near[0] if near else "Africa/Accra"
            raise ValueError(f'must be an IANA time zone such as "{hint}"') from None
        return name

    @field_validator("languages")
    @classmethod
    def _languages(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[a-z]{2,3}(_[A-Z]{2})?", code) for code in languages):
            raise ValueError('must be language codes such as "en" or "pt_BR"')
        if not languages:
            raise ValueError("needs one language at least")
        if len(set(languages)) != len(languages):
            raise ValueError("names a language twice")
        return languages

    @field_validator("country")
    @classmethod
    def _country(cls, code: str) -> str:
        import phonenumbers  # noqa: PLC0415  its tables are big, and only this needs them

        if code not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError('must be an ISO 3166 code of two capital letters such as "GH"')
        return code


class Storage(Section):
    """Where everything is remembered."""

    url: str = Field(default="sqlite:///switchboard.db", repr=False)

    @field_validator("url")
    @classmethod
    def _known_engine(cls, url: str) -> str:
        if url.startswith("postgresql://"):
            if not urlsplit(url).path.strip("/"):
                raise ValueError("names no database: postgresql://user@host/database")
        elif not re.fullmatch(r"sqlite:///[^?#:]*[^?#:/]", url):
            raise ValueError(
                "must be sqlite:///file (beside this file), sqlite:////absolute/file"
                " or postgresql://user@host/database"
            )
        return url


class Web(Section):
    """Where the web server listens, and how providers see it."""

    listen: str = "127.0.0.1:8080"
    public_url: str = Field(default_factory=lambda earlier: f"http://{earlier['listen']}")

    @property
    def host(self) -> str:
        """The address to listen on, an IPv6 one without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])

    @property
    def loopback(self) -> bool:
        """Nothing but this machine can connect."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        try:
            if host != "localhost":
                ipaddress.ip_address(host.strip("[]"))
            sound = host.startswith("[") == (":" in host) and port.isdecimal()
            sound = sound and int(port) <= 65535
        except ValueError:
            sound = False
        if not sound:
            raise ValueError('must be an address and a port such as "127.0.0.1:8080"')
        return listen

    @field_validator("public_url")
    @classmethod
    def _origin(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.query or parts.fragment or parts.username or url != url.strip():
            raise ValueError('must be an address such as "https://alliance.example.org"')
        return url.rstrip("/")


def _span(value: object) -> object:
    found = SPAN.fullmatch(value) if isinstance(value, str) else None
    if found:
        return timedelta(**{UNITS[found[2]]: int(found[1])})
    if isinstance(value, timedelta):
        return value
    raise ValueError('must be a span such as "90m", "48h" or "2d"')


Span = Annotated[timedelta, BeforeValidator(_span)]


class Manners(Section):
    """When and how often people are written to."""

    quiet: str = "20:00-08:00"
    per_day: int = Field(default=1, ge=0)
    per_week: int = Field(default=2, ge=0)
    monthly_segments: int = Field(default=0, ge=0)
    ttl: Span = Field(default=timedelta(hours=48), ge=timedelta(minutes=1), le=timedelta(days=30))
    replies_per_hour: int = Field(default=20, ge=1)
    replies_per_day: int = Field(default=60, ge=1)

    @field_validator("quiet")
    @classmethod
    def _hours(cls, quiet: str) -> str:
        start, _, end = quiet.partition("-")
        if quiet and (not re.fullmatch(f"{CLOCK}-{CLOCK}", quiet) or start == end):
            raise ValueError('must be two different times such as "20:00-08:00", or "" for none')
        return quiet


DEVELOPMENT_KEY = "a key for the simulator alone"


class Privacy(Section):
    """What is kept of people, and how long."""

    adult_age: int = Field(default=18, ge=13, le=99)
    smallest_group: int = Field(default=5, ge=2)
    keep_text_days: int = Field(default=90, ge=1)
    hash_key: SecretStr = SecretStr(DEVELOPMENT_KEY)

    @field_validator("hash_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < 16:
            raise ValueError("must have 16 characters or more")
        return key


class StakeholderType(Section):
    """One kind of stakeholder; one without a line is set by a coordinator alone."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    sector: Literal["public", "private", "civil"]
    line: str = Field(default="", max_length=30)


def _type(code: str, sector: Literal["public", "private", "civil"], line: str) -> StakeholderType:
    return StakeholderType(code=code, sector=sector, line=line)


DEFAULT_TYPES = (
    _type("water_users", "civil", "Water users"),
    _type("local_champion", "civil", "Community or women's group"),
    _type("civil_society", "civil", "NGO or union"),
    _type("water_management", "public", "City or utility"),
    _type("business", "private", "Business"),
    _type("supporter", "civil", "Research"),
    _type("media", "private", "Media"),
    _type("other", "civil", "Other"),
    _type("influencer", "public", ""),
    _type("donor", "civil", ""),
)


def check_types(types: tuple[StakeholderType, ...]) -> tuple[StakeholderType, ...]:
    """Return the types. Raises ValueError where two are alike or the menu is too long."""
    if not types:
        raise ValueError("needs one entry at least")
    lines = [t.line.casefold() for t in types if t.line]
    if len({t.code for t in types}) != len(types):
        raise ValueError("names a code twice")
    if len(set(lines)) != len(lines):
        raise ValueError("has the same line twice")
    if len(lines) > MENU:
        raise ValueError(f"has {len(lines)} lines; a menu by SMS holds {MENU}")
    return types
