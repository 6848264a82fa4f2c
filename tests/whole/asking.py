"""What tests of questions share: members on each kind of phone, and forms of any questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.dialog.forms import Form, Option, Question
from storage import batches, forms, rounds
from storage.instant import HOUR

if TYPE_CHECKING:
    from storage.database import Tx
    from storage.rounds import Round
    from tests.whole.world import Phone, World

HELD = "We have: "
RETRY = "did not understand"


def question(kind: str, text: str, **more: Any) -> Question:
    """Return a question in English."""
    options = tuple(
        Option(value=str(n), text={"en": o}) for n, o in enumerate(more.pop("options", ()), 1)
    )
    return Question(kind=kind, text={"en": text}, options=options, **more)


async def ask(here: World, *questions: Question, hours: int = 72, privacy: Any = "named") -> Round:
    """Ask everyone a form of any questions, and wait until the first has left."""
    form = Form(name=f"form {questions[0].text['en']}", privacy=privacy, questions=questions)
    closes_at = here.now() + hours * HOUR

    async def unit(tx: Tx) -> Round:
        stored = await forms.add(tx, form.name, privacy, form.model_dump_json(), here.now())
        round_ = await rounds.add(
            tx, form_id=stored.id, platform_id=None, audience="", closes_at=closes_at, by=None,
            now=here.now(),
        )  # fmt: skip
        await batches.add(
            tx, kind="poll", round_id=round_.id, platform_id=None, audience="",
            texts={"en": questions[0].text["en"]}, solicited=False, due_at=here.now(),
            expires_at=closes_at, by=None, now=here.now(),
        )  # fmt: skip
        return round_

    round_ = await here.database.write(unit)
    await here.tick()
    return round_


async def answers(here: World, round_: Round) -> list[tuple[int, str]]:
    """Return what is kept of a round: (question, value)."""
    found = await here.rows(
        "SELECT question, value FROM answers WHERE round_id = :id ORDER BY 1, 2", id=round_.id
    )
    return [(int(row[0]), str(row[1])) for row in found]


async def joined(here: World, last: int = 0) -> Phone:
    """Return a member with a basic phone."""
    phone = here.phone(last)
    await phone.join()
    await phone.hear()
    return phone


async def chatting(both: World, last: int = 0) -> Phone:
    """Return a member with the chat."""
    phone = both.chatter(last)
    await phone.join()
    await phone.hear()
    return phone


FORM = (
    question("yes_no", "Did they meet you?"),
    question("number", "How many came?", least=0, most=500, unit="people"),
    question("text", "What did you hear?"),
    question("choice", "How was it?", options=("Good", "Bad")),
)
