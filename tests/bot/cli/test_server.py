from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from bot.cli import server


def listen_at(folder, address):
    """Let the configuration say where to listen."""
    text = (folder / "config.toml").read_text(encoding="utf-8")
    text = f'{text}[web]\nlisten = "{address}"\n'
    (folder / "config.toml").write_text(text, encoding="utf-8")


def test_a_taken_port_is_one_line(switchboard, folder):
    """`serve` says which address is taken, and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        listen_at(folder, address)
        result = switchboard("serve", code=1)
    assert f"can't listen on {address}: Address already in use" in result.stderr
    assert "web.listen" in result.stderr


def test_a_database_that_can_not_be_made(folder):
    """`serve` says in one line that its database can't be written."""
    listen_at(folder, "127.0.0.1:0")
    file = folder / "config.toml"
    storage = '[storage]\nurl = "sqlite:///config.toml/x.db"\n'
    file.write_text(file.read_text(encoding="utf-8") + storage, encoding="utf-8")
    command = [sys.executable, "-m", "bot", "serve", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("switchboard: can't open ")
    assert done.stderr.count("\n") == 1


def test_a_bad_configuration_is_told(switchboard, folder):
    """`serve` reads nothing further where the configuration can't be used."""
    (folder / "config.toml").write_text("alliance", encoding="utf-8")
    assert "is not TOML" in switchboard("serve", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "web,sendr"), "--only names one or more of web, sender and clock"),
        (("--only", ""), "--only names one or more of web, sender and clock"),
        (("--listen", "8081"), "--listen is an address and a port such as 127.0.0.1:8081"),
        (("--listen", "127.0.0.1:99999"), "--listen is an address and a port"),
        (("--only", "web"), "virtual phones live in one process: run it without --only"),
    ],
)
def test_what_serve_does_not_understand(switchboard, arguments, said):
    """A role or an address that there is not is told in one line, with one that is right."""
    result = switchboard("serve", *arguments, code=1)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("counts", "code", "stdout"), [((2, 0), 0, "handled: 2\n"), ((1, 3), 1, "handled: 1\n")]
)
def test_replay_counts(switchboard, monkeypatch, counts, code, stdout):
    """`replay` says how many were handled, and fails where some still can't be."""

    async def replay(database, intake):
        return counts

    monkeypatch.setattr(server, "handle_again", replay)
    result = switchboard("replay", code=code)
    assert result.stdout == stdout
    if code:
        assert "3 still can't be handled" in result.stderr


def test_nothing_to_replay(switchboard):
    """Without failed messages there is nothing to do."""
    assert switchboard("replay").stdout == "handled: 0\n"


def test_replay_needs_a_database(switchboard, folder):
    """A wrong path in the settings makes no empty database."""
    (folder / "switchboard.db").unlink()
    assert "there is no database" in switchboard("replay", code=1).stderr
