"""poll, close, extend and result: asking an audience one question, and what they said."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli import form_file, preview
from bot.cli.session import run, with_config, with_json, with_yes
from handlers import close as closing
from handlers import extend as extending
from handlers import poll as polling
from handlers import result as reporting
from handlers.dialog.forms import labels, said, tallied
from handlers.dialog.perform import read_audience
from handlers.dialog.when import read_when, say_when
from storage import rounds
from storage.answers import BREAKDOWNS
from storage.errors import BadInput, NotFound
from storage.instant import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bot.cli.session import Session
    from handlers.dialog.forms import Form, Question
    from handlers.dialog.results import Result
    from storage.answers import Breakdown
    from storage.database import Tx
    from storage.rounds import Round


# Between units of one command, so that a server beside it gets its turn.
PAUSE = 0.03


@click.command(
    epilog='Example: switchboard poll "Which water problem first?" --option "Broken taps"'
    ' --option "High price" --audience nima --closes "fri 18:00"'
)
@click.argument("question", default="")
@click.option(
    "--form", "file", type=click.Path(path_type=Path), metavar="FILE",
    help="Ask what a JSON or TOML file says, in place of QUESTION.",
)  # fmt: skip
@click.option("--option", "options", multiple=True, metavar="TEXT", help="One answer; 2 to 4.")
@click.option("--audience", default="all", show_default=True, metavar="EXPR", help="Who is asked.")
@click.option("--closes", "when", default="72h", show_default=True, metavar="WHEN")
@click.option("--named", is_flag=True, help="Answers carry names; people are told so.")
@click.option(
    "--by", "breakdown", type=click.Choice(BREAKDOWNS), default="sector", show_default=True,
    help="What the result's figures are broken down by.",
)  # fmt: skip
@with_yes
@with_config
def poll(
    *,
    path: Path,
    question: str,
    file: Path | None,
    options: Sequence[str],
    audience: str,
    when: str,
    named: bool,
    breakdown: Breakdown,
    yes: bool,
) -> None:
    """Ask an audience QUESTION, and print the code of the poll.

    Before it leaves you hear how many people are asked, what it costs and how long it
    takes. Without --named nobody can tell who chose what once the poll has closed.
    """

    async def act(session: Session) -> str:
        alliance, now = session.alliance, clock()
        if file is None:
            asked = polling.form(alliance, question, options, named=named)
        elif question or options or named:
            raise BadInput("what a form asks stands in its file: no QUESTION, --option or --named")
        else:
            asked = form_file.read(file, alliance)
        closes_at = read_when(when, now, alliance.zone)
        tree = await session.read(lambda tx: read_audience(tx, audience, alliance))
        texts = await session.read(
            lambda tx: polling.preview_texts(tx, alliance, tree, asked, closes_at, now)
        )
        ends_at = min(closes_at, now + alliance.manners.ttl_ms)
        await preview.show(session, tree, texts, at=now, ends_at=ends_at, now=now)
        preview.confirm(yes=yes)
        round_, _ = await session.write(
            lambda tx: polling.poll(
                tx, alliance, tree, asked, closes_at=closes_at, by=None, now=clock(),
                breakdown=breakdown,
            )
        )  # fmt: skip
        return round_.code

    click.echo(run(path, act))


async def _poll(tx: Tx, code: str) -> Round:
    """Return the poll with a code; sign-up and the like are none. Raises NotFound."""
    found = await rounds.by_code(tx, code)
    if not found.closes_at:
        raise NotFound(f"there is no poll {code.upper()!r}")
    return found


async def _little_by_little(session: Session, unit: Callable[[Tx], Awaitable[bool]]) -> None:
    """Run a unit until it says that there is no more, and let a server beside us have its turn."""
    more = await session.write(unit)
    while more:
        await asyncio.sleep(PAUSE)
        more = await session.write(unit)


@click.command(epilog="Example: switchboard close P3")
@click.argument("code")
@with_config
def close(path: Path, code: str) -> None:
    """Close a poll now and for good, and send its result to all who answered."""

    async def act(session: Session) -> str:
        async def unit(tx: Tx) -> str:
            found = await _poll(tx, code)
            await closing.close(tx, session.alliance, found, None, clock())
            return found.code

        async def eased(tx: Tx) -> bool:
            return await closing.ease(tx, await _poll(tx, code))

        await _little_by_little(session, eased)
        closed = await session.write(unit)
        round_id = (await session.read(lambda tx: rounds.by_code(tx, code))).id
        await _little_by_little(session, lambda tx: closing.sweep(tx, round_id))
        return closed

    click.echo(f"{run(path, act)} is closed")


@click.command(epilog='Example: switchboard extend P3 "sat 12:00"')
@click.argument("code")
@click.argument("when")
@with_config
def extend(path: Path, code: str, when: str) -> None:
    """Let a poll close at WHEN instead: "2h" from now, "sat 12:00", "2026-12-01 18:00"."""

    async def act(session: Session) -> str:
        alliance, now = session.alliance, clock()
        closes_at = read_when(when, now, alliance.zone)

        async def unit(tx: Tx) -> str:
            found = await _poll(tx, code)
            await extending.extend(tx, alliance, found, closes_at, None, now)
            return found.code

        return f"{await session.write(unit)} closes {say_when(closes_at, now, alliance.zone)}"

    click.echo(run(path, act))


@click.command(epilog="Example: switchboard result P3 --json")
@click.argument("code")
@with_json
@with_config
def result(*, path: Path, code: str, as_json: bool) -> None:
    """Show how many chose what, as far as nobody can be recognised by it.

    Figures by sector, or by type, come once the poll has closed.
    """

    async def act(session: Session) -> dict[str, Any]:
        async def unit(tx: Tx) -> dict[str, Any]:
            found = await _poll(tx, code)
            form, results = await reporting.result(tx, session.alliance, found, clock())
            return _figures(found, form, results, session.alliance.languages[0])

        return await session.write(unit)

    found = run(path, act)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _say(found)


def _figures(round_: Round, form: Form, found: Sequence[Result], language: str) -> dict[str, Any]:
    """Return a result as `result --json` shows it; of several questions each has its own."""
    each = [
        _of_one(round_, question, one, language)
        for question, one in zip(form.questions, found, strict=True)
    ]
    first = each[0]
    closed = round_.state == "closed"
    figures = {"code": round_.code, "question": first["question"], "closed": closed} | first
    return figures if len(each) == 1 else figures | {"questions": each}


def _of_one(round_: Round, question: Question, found: Result, language: str) -> dict[str, Any]:
    """Return the figures of one question: of each option, or of each number that was given."""
    counted = None if found.counts is None else tallied(question, found.counts)
    texts = labels(question, language) or {
        number: number for number in sorted(counted or {}, key=int)
    }

    def counts(shown: dict[str, int]) -> dict[str, int]:
        of_each = tallied(question, shown)
        return {text: of_each.get(value, 0) for value, text in texts.items()}

    figures: dict[str, Any] = {
        "question": said(question.text, language),
        "answers": found.answers,
        "options": [
            {"text": text, "count": None if counted is None else counted.get(value, 0)}
            for value, text in texts.items()
        ],
    }
    if found.groups:
        figures["groups"] = [
            {round_.breakdown: g.name, "counts": None if g.counts is None else counts(g.counts)}
            for g in found.groups
        ]
    return figures


def _say(found: dict[str, Any]) -> None:
    state = "closed" if found["closed"] else "so far"
    for question in found.get("questions", [found]):
        click.echo(f"{found['code']} {state}: {question['question']}")
        _say_one(question)


def _say_one(found: dict[str, Any]) -> None:
    for option in found["options"]:
        count = "hidden" if option["count"] is None else option["count"]
        click.echo(f"{count!s:>8}  {option['text']}")
    click.echo(f"{found['answers']:>8}  answered")
    for group in found.get("groups", ()):
        counts = group["counts"]
        shown = "hidden" if counts is None else ", ".join(f"{t} {n}" for t, n in counts.items())
        click.echo(f"{next(iter(group.values()))}: {shown}")
