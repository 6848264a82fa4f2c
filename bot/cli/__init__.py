"""The `switchboard` command line: one file a group of commands, read when one of them is called."""

from __future__ import annotations

import click

from bot.cli.program import NAME, TRACEBACK, Program

# Where each command stands, and its help: so that --help need not read them all.
COMMANDS = {
    "serve": ("server", "Run the server."),
    "check": ("checking", "Check the configuration, the database and the channels."),
    "migrate": ("storehouse", "Make the database, or bring its schema up to date."),
    "platforms": ("platforms", "Add and list platforms."),
    "members": ("members", "Import, list and export members, and give them roles."),
    "languages": ("languages", "List languages, and accept what is said in one."),
    "announce": ("announcing", "Send a message to an audience."),
    "poll": ("polls", "Ask an audience a question."),
    "close": ("polls", "Close a poll, and send its result to all who answered."),
    "extend": ("polls", "Let a poll close at another time."),
    "result": ("polls", "Show the result of a poll, as far as it may be shown."),
    "status": ("broadcasts", "Show what became of a broadcast."),
    "halt": ("broadcasts", "Stop a broadcast."),
    "tickets": ("tickets", "List what people asked and what has to be looked at."),
    "replay": ("server", "Handle again the messages that could not be handled."),
    "backup": ("storehouse", "Write a copy of the database."),
    "restore": ("restoring", "Put a backup in the place of the database."),
    "hold": ("restoring", "Hold what waits, after a restore by other means."),
    "release": ("releasing", "Let what a restore holds leave, or discard it."),
    "copy": ("copying", "Copy everything to another database."),
    "demo": ("demo", "Run an alliance with virtual phones, without any account."),
}


@click.group(
    NAME,
    cls=Program,
    files={name: f"{__name__}.{file}" for name, (file, _) in COMMANDS.items()},
    lines={name: line for name, (_, line) in COMMANDS.items()},
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: switchboard demo. Each command's --help has an example of its own.",
)
@click.option(TRACEBACK, is_flag=True, hidden=True, expose_value=False)
@click.version_option(package_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """Run a learning alliance's SMS and Telegram chatbot."""


def main() -> None:
    """Run the command line; what `switchboard` in a shell calls."""
    cli.main()
