"""announce: one message to an audience."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import preview
from bot.cli.session import run, with_config, with_yes
from handlers.announce import announce as tell
from handlers.announce import check
from handlers.dialog.perform import read_audience
from handlers.dialog.when import read_when
from storage.errors import BadInput
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bot.cli.session import Session


@click.command(
    epilog='Example: switchboard announce "Water is off on Friday" --audience "nima and'
    ' type:water_users" --at "thu 18:00"'
)
@click.argument("text")
@click.option("--text", "others", multiple=True, metavar='LANG="TEXT"', help="In other languages.")
@click.option("--audience", default="all", show_default=True, metavar="EXPR", help="To whom.")
@click.option("--at", "when", metavar="WHEN", help='When: "2h", "fri 18:00"; at once by default.')
@with_yes
@with_config
def announce(
    *, path: Path, text: str, others: Sequence[str], audience: str, when: str | None, yes: bool
) -> None:
    """Send TEXT to an audience, and print the number of the broadcast.

    Who is in the audience is taken when it leaves. Before, you hear how many people that
    is now, what it costs and how long it takes.
    """

    async def act(session: Session) -> int:
        alliance, now = session.alliance, clock()
        texts = check(alliance, _texts(alliance.languages[0], text, others))
        at = read_when(when, now, alliance.zone) if when is not None else now
        tree = await session.read(lambda tx: read_audience(tx, audience, alliance))
        ends_at = at + alliance.manners.ttl_ms
        await preview.show(session, tree, texts, at=at, ends_at=ends_at, now=now)
        preview.confirm(yes=yes)
        now = clock()
        return await session.write(
            lambda tx: tell(tx, alliance, tree, texts, at=max(at, now), by=None, now=now)
        )

    click.echo(run(path, act))


def _texts(default: str, text: str, others: Sequence[str]) -> dict[str, str]:
    """Return the texts by language. Raises BadInput."""
    texts = {default: text}
    for other in others:
        language, sign, said = other.partition("=")
        if not sign:
            raise BadInput('--text is a language and a text: --text es="..."')
        if language.strip() in texts:
            raise BadInput(f"there are two texts in {language.strip()!r}")
        texts[language.strip()] = said
    return texts
