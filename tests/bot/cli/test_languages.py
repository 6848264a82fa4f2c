from __future__ import annotations

import json
import sqlite3

import pytest

from handlers.dialog.catalogues import Catalogue, catalogue


def test_languages_and_how_they_stand(switchboard, folder):
    """English is there by itself; a draft says so, and so does a language without a catalogue."""
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('["en", "es"]', '["en", "es", "fr"]'))
    shown = switchboard("languages").stdout.splitlines()
    assert shown[0] == "en: English, 100 %, English itself"
    assert shown[1] == f"es: Español, {catalogue('es').complete} %, draft, not accepted"
    assert shown[2] == "fr: Français, 0 %, said in English"
    listed = json.loads(switchboard("languages", "--json").stdout)
    assert listed[1] == {
        "language": "es", "name": "Español", "state": "draft, not accepted",
        "complete": catalogue("es").complete,
    }  # fmt: skip


def test_a_draft_is_accepted_once_and_kept_in_the_audit(switchboard, folder):
    """What is accepted is these texts: the audit has the digest, and not a word."""
    assert switchboard("languages", "accept", "es").stdout == "es is accepted\n"
    assert switchboard("languages", "accept", "es").stdout == "es was accepted before\n"
    assert ", accepted\n" in switchboard("languages").stdout
    with sqlite3.connect(folder / "switchboard.db") as database:
        rows = database.execute("SELECT act, subject, subject_id FROM audit").fetchall()
    assert rows == [("accept", "draft es", int(catalogue("es").digest[:8], 16))]


def test_a_changed_draft_waits_again(switchboard, monkeypatch):
    """Another text is another draft, which nobody has read."""
    switchboard("languages", "accept", "es")
    monkeypatch.setattr(catalogue("es"), "digest", "0123456789abcdef")
    assert "draft, not accepted" in switchboard("languages").stdout
    switchboard("languages", "accept", "es")
    assert "draft, not accepted" not in switchboard("languages").stdout


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "en is no draft"),
        ("ar", "the alliance does not speak ar; it speaks en, es"),
        ("xx", "does not speak xx"),
    ],
)
def test_what_is_no_draft_can_not_be_accepted(switchboard, language, says):
    """Only a draft of a language of the alliance waits to be accepted."""
    assert says in switchboard("languages", "accept", language, code=1).stderr


def test_a_finished_translation_is_ready(switchboard, monkeypatch):
    """A catalogue that is no draft needs nobody's yes."""
    catalogue.cache_clear()
    init = Catalogue.__init__

    def finished(self, language, found):
        init(self, language, found)
        self.is_draft = False

    monkeypatch.setattr(Catalogue, "__init__", finished)
    assert "es: Español" in (shown := switchboard("languages").stdout)
    assert ", ready\n" in shown
    catalogue.cache_clear()


def test_the_preview_tells_that_a_draft_is_not_used(switchboard, folder):
    """Before a poll leaves, its coordinator reads which of its readers' languages are drafts."""
    (folder / "people.csv").write_text("phone,consent,language\n+12025550123,yes,es\n")
    switchboard("members", "import", folder / "people.csv")
    asked = ("poll", "Which?", "--option", "Taps", "--option", "Price", "--named", "--yes")
    told = "drafts, so our own words are in another language: es"
    assert told in switchboard(*asked).stderr
    switchboard("languages", "accept", "es")
    assert told not in switchboard(*asked).stderr
