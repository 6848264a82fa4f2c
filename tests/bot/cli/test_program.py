from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bot.cli import COMMANDS, cli
from bot.cli.program import Program
from storage.errors import BadConfig

ROOT = Path(__file__).parents[3]


def paths(command=cli, path=("switchboard",)):
    """Yield every command that can be called, as the words that call it."""
    if not isinstance(command, click.Group):
        yield path
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        yield from paths(command.get_command(ctx, name), (*path, name))


PATHS = list(paths())


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_is_documented(path):
    """docs/commands.md shows each command with an example."""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert re.search(rf"^    {' '.join(path)}\b", page, flags=re.MULTILINE)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    """--help says what a command does and shows one use of it."""
    result = CliRunner().invoke(cli, [*path[1:], "--help"])
    assert result.exit_code == 0
    assert f"Example: {' '.join(path)}" in " ".join(result.stdout.split())


def test_help_names_every_command():
    """The first thing one sees lists all commands, each with its line."""
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", result.stdout, flags=re.MULTILINE)


def test_help_reads_no_command():
    """`switchboard --help` imports none of the heavy libraries, so it answers at once."""
    code = (
        "import sys\nfrom bot.cli import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydantic', 'asyncio', 'aiosqlite', 'structlog', 'uvicorn', 'telegram'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "announce" in done.stdout


def test_the_module_is_the_program():
    """`python -m bot` is `switchboard`, and both tell the version."""
    command = [sys.executable, "-m", "bot", "--version"]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert re.fullmatch(r"switchboard \d+\.\d+\.\d+\n", done.stdout)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["nonsense"], 2, "No such command 'nonsense' (see `switchboard --help`)"),
        (["announce"], 2, "Missing argument 'TEXT' (see `switchboard announce --help`)"),
        (["halt", "zero"], 2, "'zero' is not a valid integer"),
        (["status", "1", "--jsn"], 2, "No such option"),
        (["status", "1", "-c", "no-such.toml"], 1, "there is no no-such.toml: copy config.ex"),
    ],
)
def test_bad_command_lines(args, code, says):
    """What can't be read is told in one line, with exit code 2; other failures have 1."""
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("switchboard: ")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


def test_no_command_shows_help():
    """Without a command the help is shown, as an error."""
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def raising(error):
    """Return a program whose only command raises."""

    @click.group(cls=Program, files={}, lines={})
    @click.option("--traceback", is_flag=True, expose_value=False)
    def program():
        pass

    def get_command(ctx, name):
        @click.command(name)
        def command():
            raise error

        return command

    program.get_command = get_command
    return program


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadConfig("alliance.name is missing"), 1, "alliance.name is missing"),
        (PermissionError(13, "Permission denied", "a/b.db"), 1, "a/b.db: Permission denied"),
        (
            UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
            1,
            "the command line is not UTF-8 text",
        ),
        (click.FileError("a.csv", "gone"), 1, "Could not open file 'a.csv': gone"),
        (KeyboardInterrupt(), 130, "stopped"),
        (
            KeyError("+12025550123"),
            1,
            "a fault in the program, KeyError: `switchboard --traceback ...` shows where",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failures_are_one_line(error, code, line):
    """No failure shows a traceback, nor words of a fault that may hold a number."""
    result = CliRunner().invoke(raising(error), ["go"])
    assert result.exit_code == code
    assert result.stderr.strip() == f"switchboard: {line}"


def test_a_traceback_for_those_who_ask():
    """With --traceback before the command a fault is shown as Python shows it."""
    fault = KeyError("x")
    result = CliRunner().invoke(raising(fault), ["--traceback", "go"])
    assert result.exception is fault
