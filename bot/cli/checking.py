"""check: whether the configuration, the database and the channels are as they should be."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from bot import numbers
from bot.app import channels_of
from bot.channels.base import Again, Outgoing, Refused, Sent, Unknown
from bot.cli.program import complain
from bot.cli.session import chosen, load, opened, place, with_config
from handlers.dialog import drafts
from storage import opening
from storage.errors import (
    BadInput,
    CannotTell,
    NotFound,
    StorageError,
    SwitchboardError,
    WrongSchema,
)
from storage.instant import clock
from storage.migrations import HEAD, is_due
from storage.releasing import count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bot.channels.base import Channel
    from bot.config import Settings

TEST_MESSAGE = "{alliance}: this is a test of our messages."


@click.command(epilog="Example: switchboard check --send +12025550123")
@click.option("--send", "address", metavar="ADDRESS", help="Send one message to this address.")
@click.option("--channel", metavar="NAME", help="The channel to send it through.")
@with_config
def check(path: Path, address: str | None, channel: str | None) -> None:
    """Check the configuration, the database and the channels; a line for each problem.

    ADDRESS is a phone number in any form, or the id of a Telegram chat: digits alone, where
    a channel carries such ids.
    """
    settings = load(path)
    if not asyncio.run(_Check(settings).all(address, channel)):
        raise SystemExit(1)


class _Check:
    """One run of all checks; each says what it found, and the sum of them is `well`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.well = True

    def problem(self, text: str) -> None:
        self.well = False
        complain(text)

    async def all(self, address: str | None, channel: str | None) -> bool:
        click.echo(f"configuration: {self.settings.alliance.name}")
        await self.storage()
        channels = channels_of(self.settings)
        try:
            for one in channels.values():
                await self.channel(one)
            if address:
                to, through = _fit(address, channel, channels, self.settings.alliance.country)
                await self.send(to, through)
        finally:
            for one in channels.values():
                await one.close()
        return self.well

    async def storage(self) -> None:
        try:
            where = place(self.settings)
            version = await opening.version(where)
            if version == HEAD:
                async with opened(self.settings, new=False) as session:
                    await session.database.sound(whole=True)
                    held, unknown, planned = await session.read(lambda tx: count(tx, clock()))
                    spoken = session.alliance.languages
                    waiting = await session.read(lambda tx: drafts.unaccepted(tx, spoken))
                click.echo(f"storage: {where} is sound")
                if waiting:
                    click.echo(
                        f"languages: {', '.join(waiting)} nobody has accepted yet, so many are told"
                        " in another: see `switchboard languages`"
                    )
                if held or unknown or planned:
                    click.echo(
                        f"storage: a restore holds {held + unknown} messages and {planned} planned"
                        " broadcasts: see `switchboard release`"
                    )
            elif isinstance(where, opening.Server):
                raise WrongSchema(f"{where} does not have schema {HEAD}: run `switchboard migrate`")
            elif version is None:
                if not os.access(where.path.parent, os.W_OK | os.X_OK):
                    raise StorageError(f"nothing can be written in {where.path.parent}")
                click.echo(f"storage: {where} is not there yet; serve will make it")
            elif version < HEAD:
                click.echo(f"storage: {where} has schema {version}; serve will migrate it")
            else:
                is_due(version)
        except SwitchboardError as error:
            self.problem(f"storage: {error}")

    async def channel(self, channel: Channel) -> None:
        try:
            try:
                line = await channel.check()
            except CannotTell:  # one that has to be open first
                await channel.open()
                line = await channel.check()
        except SwitchboardError as error:
            self.problem(_named(channel.name, str(error)))
        else:
            click.echo(_named(channel.name, line))

    async def send(self, to: str, channel: Channel) -> None:
        text = TEST_MESSAGE.format(alliance=self.settings.alliance.name)
        outcome = await channel.send(Outgoing(row=0, attempt=0, to=to, text=text))
        match outcome:
            case Sent():
                click.echo(f"{channel.name}: sent, {outcome.provider_id}")
            case Refused():
                self.problem(f"{channel.name}: refused, {outcome.error}")
            case Again():
                self.problem(f"{channel.name}: not sent, {outcome.error}")
            case Unknown():
                self.problem(f"{channel.name}: it may have been sent, {outcome.error}")
        await self.webhook(channel)

    async def webhook(self, channel: Channel) -> None:
        """Compare where the provider sends messages with where we wait for them."""
        ask = getattr(channel, "webhook", None)
        if ask is None:
            return
        ours = f"{self.settings.web.public_url}/hooks/{channel.name}"
        theirs = await ask()
        if not theirs:
            click.echo(f"{channel.name}: the provider can't say where it sends messages: {ours}?")
        elif theirs.partition("#")[0] == ours:
            click.echo(f"{channel.name}: the provider sends messages to {theirs}")
        else:
            self.problem(f"{channel.name}: the provider sends messages to {theirs}, not to {ours}")


def _named(name: str, line: str) -> str:
    return line if line.startswith(f"{name}: ") else f"{name}: {line}"


def _fit(
    address: str, name: str | None, channels: Mapping[str, Channel], country: str
) -> tuple[str, Channel]:
    """Return an address as its channel has it, and the channel. Raises BadInput, NotFound."""
    if name:
        channel = chosen(channels, name)
    else:
        fitting = [c for c in channels.values() if c.traits.segments != is_chat(address, channels)]
        if not fitting:
            raise NotFound("no channel carries messages to such an address")
        channel = fitting[0]
    if channel.traits.segments:
        return numbers.e164(address, country), channel
    if not address.isascii() or not address.isdigit():
        raise BadInput(f"an address of {channel.name} is a chat's id: digits alone")
    return address, channel


def is_chat(address: str, channels: Mapping[str, Channel]) -> bool:
    """Tell a chat's id from a phone number: digits alone, where a channel carries such ids."""
    looks = address.isascii() and address.isdigit() and not address.startswith("0")
    return looks and any(not channel.traits.segments for channel in channels.values())
