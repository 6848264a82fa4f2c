"""The program's outermost edge: finds a command, and turns what goes wrong into one line."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from storage.errors import SwitchboardError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "switchboard"
TRACEBACK = "--traceback"
INTERRUPTED = 130


class Program(click.Group):
    """A group whose commands are imported when they are called.

    `files` says in which module each command stands, under its own name; `lines` its help.
    It shows no traceback, unless `--traceback` comes before the command.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401  click's own
        files: Mapping[str, str],
        lines: Mapping[str, str],
        **extra: Any,  # noqa: ANN401  as above
    ) -> None:
        super().__init__(*args, **extra)
        self._files = files
        self._lines = lines

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self._files)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, if there is one of this name."""
        if cmd_name not in self._files:
            return None
        found: click.Command = getattr(importlib.import_module(self._files[cmd_name]), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,  # noqa: ANN401  click's own
    ) -> NoReturn:
        """Run a command and exit: 0, or 1, or 2 where the command line can't be read."""
        args = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name or NAME, **extra)
        except (click.Abort, KeyboardInterrupt):
            complain("stopped")
            sys.exit(INTERRUPTED)
        except Exception as error:
            if args[:1] == [TRACEBACK]:
                raise
            sys.exit(explain(error))
        sys.exit(code if isinstance(code, int) else 0)


def explain(error: Exception) -> int:
    """Say what went wrong, and return the exit code."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return error.exit_code
        case click.UsageError():
            where = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
            complain(f"{' '.join(error.format_message().split()).rstrip('.')}{where}")
            return error.exit_code
        case click.ClickException():
            complain(" ".join(error.format_message().split()))
        case SwitchboardError():
            complain(str(error))
        case OSError():
            complain(": ".join(str(part) for part in (error.filename, error.strerror) if part))
        case UnicodeEncodeError():  # a terminal of another charset; files are only ever decoded
            complain("the command line is not UTF-8 text")
        case _:
            hint = f"`{NAME} {TRACEBACK} ...` shows where"
            complain(f"a fault in the program, {type(error).__name__}: {hint}")
    return 1


def complain(text: str) -> None:
    """Write one line about a problem to stderr."""
    click.echo(f"{NAME}: {text}", err=True)
