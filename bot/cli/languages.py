"""languages: what is said in each language of the alliance, and who accepted it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bot.cli.session import run, with_config, with_json
from handlers.dialog import drafts
from handlers.dialog.catalogues import ENGLISH, catalogue
from handlers.dialog.messages import language_name
from storage import drafts as stored
from storage.errors import BadInput
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bot.cli.session import Session
    from handlers.dialog.catalogues import Catalogue
    from storage.database import Tx


@click.group(invoke_without_command=True, epilog="Example: switchboard languages accept es")
@with_json
@with_config
@click.pass_context
def languages(context: click.Context, *, path: Path, as_json: bool) -> None:
    """List the alliance's languages: how much is translated, and whether many may be told so.

    A draft is used for direct replies at once. What goes to many is told in another language
    until somebody of the alliance has read the draft and accepted it.
    """
    if context.invoked_subcommand is not None:
        return

    async def act(session: Session) -> list[dict[str, Any]]:
        spoken = session.alliance.languages
        waiting = await session.read(lambda tx: drafts.unaccepted(tx, spoken))
        return [_standing(language, waiting) for language in spoken]

    found = run(path, act)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one['language']}: {one['name']}, {one['complete']} %, {one['state']}")


def _standing(language: str, waiting: Sequence[str]) -> dict[str, Any]:
    known = catalogue(language)
    if known is None:
        state = "English itself" if language == ENGLISH else "said in English"
        return {
            "language": language, "name": language_name(language), "state": state,
            "complete": 100 if language == ENGLISH else 0,
        }  # fmt: skip
    state = "accepted" if known.is_draft else "ready"
    return {
        "language": language, "name": language_name(language),
        "state": "draft, not accepted" if language in waiting else state,
        "complete": known.complete,
    }  # fmt: skip


@languages.command(epilog="Example: switchboard languages accept es")
@click.argument("language")
@with_config
def accept(path: Path, language: str) -> None:
    """Accept the draft of LANGUAGE as it is now, so that many may be told in it.

    A draft that is changed later waits to be accepted again.
    """

    async def act(session: Session) -> bool:
        known = _draft(language, session.alliance.languages)

        async def unit(tx: Tx) -> bool:
            return await stored.accept(tx, language, known.digest, None, clock())

        return await session.write(unit)

    new = run(path, act)
    click.echo(f"{language} is accepted" if new else f"{language} was accepted before")


def _draft(language: str, spoken: Sequence[str]) -> Catalogue:
    """Return the catalogue of a draft. Raises BadInput for a language that is none."""
    known = catalogue(language)
    if language not in spoken:
        raise BadInput(f"the alliance does not speak {language}; it speaks {', '.join(spoken)}")
    if known is None or not known.is_draft:
        raise BadInput(f"{language} is no draft: there is nothing to accept")
    return known
