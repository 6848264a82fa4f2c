from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from click.testing import CliRunner

from bot import demo as the_demo
from bot.cli import cli
from bot.cli import demo as command
from bot.config import load


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def served(monkeypatch):
    """Return the list of settings that were served, in place of serving."""
    found = []
    monkeypatch.setattr(command, "serve_forever", found.append)
    return found


@pytest.fixture
def free():
    """Return an address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def run(*args, code=0):
    """Run a command that ends with an exit code."""
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == code, result.output
    return result


def status():
    """Return how the demo's poll stands."""
    return json.loads(run("status", "P1", "--json", "-c", "demo/demo.toml").stdout)


def test_the_demo_prepares_an_alliance(served, free, tmp_path):
    """A folder gets the settings and 40 people, of whom 12 have answered an open poll."""
    shown = run("demo", "--listen", free).stdout
    for line in (
        f"Open      http://{free}/phones",
        "Answer    as +12025550120, who is asked now: send 2",
        "Join      as +12025550150, whom nobody knows yet: send JOIN",
        f"curl -s http://{free}/simulator/messages",
        "announce -c demo/demo.toml",
    ):
        assert line in shown
    settings = load(tmp_path / "demo" / "demo.toml")
    assert served == [settings]
    assert settings.web.listen == free
    assert (settings.manners.quiet, settings.manners.per_day, settings.manners.per_week) == (
        "",
        0,
        0,
    )
    listed = json.loads(run("platforms", "list", "--json", "-c", "demo/demo.toml").stdout)
    assert [p["parent"] for p in listed] == [None, "riverbend", "riverbend"]
    people = json.loads(run("members", "list", "--json", "-c", "demo/demo.toml").stdout)
    assert len(people) == the_demo.PEOPLE == 40
    assert {p["platform"] for p in people} == {"riverbend", "northside", "harbour"}
    assert len({p["type"] for p in people}) >= 6
    assert status() == {"number": 1, "recipients": 40, "by_status": {"queued": 28, "sent": 12}}
    result = json.loads(run("result", "P1", "--json", "-c", "demo/demo.toml").stdout)
    assert result["answers"] == 12
    assert [option["count"] for option in result["options"]] == [5, 4, 2, 1]


def test_a_second_run_keeps_everything(served, free):
    """The demo goes on with its data; only a poll that has closed is followed by another."""
    run("demo", "--listen", free)
    assert "poll P1 is open" in run("demo").stdout
    assert served[0] == served[1]
    run("close", "P1", "-c", "demo/demo.toml")
    assert "poll P2 is open" in run("demo").stdout
    people = run("members", "list", "--json", "-c", "demo/demo.toml").stdout
    assert len(json.loads(people)) == 40


def test_another_port_for_once(served, free, tmp_path):
    """--listen wins over the settings that the first run has written."""
    (tmp_path / "demo").mkdir()
    text = the_demo.CONFIG.format(listen="127.0.0.1:1")
    (tmp_path / "demo" / "demo.toml").write_text(text, encoding="utf-8")
    assert f"http://{free}/phones" in run("demo", "--listen", free).stdout
    assert served[0].web.listen == free
    assert served[0].web.public_url == f"http://{free}"


def test_a_taken_port_writes_nothing(served, tmp_path):
    """Where the port is taken the demo says which, and how to choose another, and ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("demo", "--listen", f"127.0.0.1:{port}", code=1)
    other = f"127.0.0.1:{port + 1}"
    assert result.stderr == (
        f"switchboard: port {port} is taken; choose another: make demo LISTEN={other}, or"
        f" switchboard demo --listen {other}\n"
    )
    assert (served, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("listen", ["8081", "0.0.0.0:8081", "127.0.0.1:http", "example.org:80"])
def test_addresses_that_are_not_this_machine(served, tmp_path, listen):
    """The demo listens on this machine alone, as anyone could speak for any number."""
    result = run("demo", "--listen", listen, code=1)
    assert result.stderr.startswith("switchboard: --listen is an address of this machine")
    assert (served, list(tmp_path.iterdir())) == ([], [])


def test_a_folder_that_can_not_be_made(served, free, tmp_path):
    """A folder in which nothing can be written is told in one line."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run("demo", "--listen", free, "--folder", "file/demo", code=1)
    assert re.fullmatch(r"switchboard: file/demo: Not a directory\n", result.stderr)
    assert served == []


def test_a_real_alliance_is_not_touched(served, free, tmp_path, monkeypatch):
    """Variables that set up a real alliance mean nothing to the demo."""
    monkeypatch.setenv("SWITCHBOARD_STORAGE__URL", f"sqlite:///{tmp_path}/real.db")
    monkeypatch.setenv("SWITCHBOARD_NONSENSE", "1")
    run("demo", "--listen", free)
    assert served[0].storage.url.endswith("demo.db")
    assert not (tmp_path / "real.db").exists()


def ask(url, body=None):
    """Return what a door of the demo answers."""
    data = json.dumps(body).encode() if body else None
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310  our own program
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.loads(answer.read())


def wait_for(found, process):
    """Return what a function returns once that is something."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None
        with contextlib.suppress(OSError):
            if answer := found():
                return answer
        time.sleep(0.05)
    raise AssertionError("the demo did not answer in time")


def test_the_demo_is_alive(free):
    """Whoever is asked can answer, whoever is unknown can join, and Ctrl+C ends it well."""
    args = [sys.executable, "-m", "bot", "demo", "--listen", free]
    process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = f"http://{free}/simulator/messages"
    try:
        [question] = wait_for(lambda: ask(f"{url}?to=%2B12025550120"), process)
        assert question["choices"][1] == "2 High price"
        ask(url, {"from": "+12025550120", "text": "2"})
        after = f"{url}?to=%2B12025550120&after={question['id']}"
        [echo] = wait_for(lambda: ask(after), process)
        assert "We have: 2 High price." in echo["text"]
        ask(url, {"from": "+12025550150", "text": "JOIN"})
        [consent] = wait_for(lambda: ask(f"{url}?to=%2B12025550150"), process)
        assert "do you agree? 1 Yes 2 No" in consent["text"]
        assert ask(f"{url}?to=%2B12025550101") == []
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "poll P1 is open" in out
