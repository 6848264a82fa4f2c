"""The repository itself: what stands in it has its test, its row and no address of this machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bot import channels

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "handlers", "storage", "scheduler", "tests", "benchmarks", "docs", ".ci")
HANDLERS = sorted(p.stem for p in (ROOT / "handlers").glob("[!_]*.py"))
FOLDERS = sorted(
    {
        folder
        for file in (ROOT / "tests").rglob("*.py")
        for folder in file.parents
        if folder.is_relative_to(ROOT / "tests")
    }
)
NAMED = sorted(
    path
    for path in [*ROOT.glob("*"), *(p for room in ROOMS for p in (ROOT / room).rglob("*"))]
    if path.is_file()
    and path.suffix not in {".pyc", ".db", ".mo", ".png"}
    and path.name not in {"latest.json", "config.toml"}
    and not path.name.startswith(".coverage")
    and not {"__pycache__", "node_modules"} & set(path.parts)
)


def documented(page):
    """Return the first cell of each row of a page's tables, without its back quotes."""
    path = ROOT / "docs" / page
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return set(re.findall(r"^\| *`([^`|]+)`", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", channels.names())
def test_every_channel_has_its_test_and_its_row(name):
    """A driver has tests/bot/channels/test_NAME.py and a row in docs/channels.md."""
    assert (ROOT / "tests" / "bot" / "channels" / f"test_{name}.py").exists()
    assert name in documented("channels.md")


@pytest.mark.parametrize("name", HANDLERS)
def test_every_handler_has_its_test(name):
    """A file in handlers/ has tests/handlers/test_NAME.py."""
    assert (ROOT / "tests" / "handlers" / f"test_{name}.py").exists()


def test_every_command_has_its_row():
    """Each word that a person can send has a row in docs/commands.md, and no row is left over."""
    from handlers.dialog import turn  # noqa: PLC0415  the rest here needs no engine

    words = {word.upper() for word in turn.commands()}
    rows = {cell.split()[0] for cell in documented("commands.md")}
    assert words == rows


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_folder_is_a_package(folder):
    """Without __init__.py tests/handlers would shadow handlers."""
    assert (folder / "__init__.py").exists()


def test_no_file_names_a_place_of_one_machine():
    """Nothing shipped holds the absolute path of anybody's home or of this checkout."""
    place = re.compile(rf"(?<![\w.:/-])(?:{re.escape(str(ROOT))}|/(?:home/\w|root/|Users/\w))")
    found = [
        str(path.relative_to(ROOT))
        for path in NAMED
        if place.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "tests/requirements.lock", "benchmarks/peers/requirements.lock"]
)
def test_locks_hold_no_address(lock):
    """Versions and hashes are pinned; where from is the user's own choice."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--hash=sha256:" in text


def test_locks_agree():
    """What the tests add is locked beside what runs, never another version of it."""
    names = [
        set(re.findall(r"(?m)^([a-z0-9.-]+)(?:\[.*\])?==", (ROOT / lock).read_text()))
        for lock in ("requirements.lock", "tests/requirements.lock")
    ]
    assert not names[0] & names[1]


def test_every_dependency_is_locked():
    """Each name in pyproject.toml stands in its lock: dependencies, and those of dev."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    build, project = project["build-system"]["requires"], project["project"]
    wanted = {
        "requirements.lock": project["dependencies"] + build,
        "tests/requirements.lock": project["optional-dependencies"]["dev"],
    }
    for lock, requirements in wanted.items():
        text = (ROOT / lock).read_text(encoding="utf-8")
        for requirement in requirements:
            name = re.match(r"[\w.-]+", requirement)[0].lower()
            assert re.search(rf"(?m)^{re.escape(name)}(\[.*\])?==", text), requirement
