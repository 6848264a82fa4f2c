"""What holds for every test: no network but loopback, and the same random data in CI."""

from __future__ import annotations

import ipaddress
import os
import socket

import pytest
from hypothesis import settings

LOCAL_NAMES = {"", "localhost", "ip6-localhost"}

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


class OutsideNetwork(AssertionError):
    """A test reached for a machine other than this one."""


def is_local(host):
    """Tell whether a host, by name or number, is this machine; None is its wildcard."""
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name in LOCAL_NAMES


def refuse_outside(address, family):
    """Raise OutsideNetwork for an address that isn't on this machine."""
    if family in {socket.AF_INET, socket.AF_INET6} and not is_local(address[0]):
        raise OutsideNetwork(f"a test may use loopback only, not {address[0]}")


def guarded(method, family_of=lambda sock: sock.family):
    """Return a socket method whose first argument must be a local address."""

    def wrapper(sock, address, *rest):
        refuse_outside(address, family_of(sock))
        return method(sock, address, *rest)

    return wrapper


@pytest.fixture(autouse=True, scope="session")
def _loopback_only():
    """Refuse names and addresses of other machines, for Python's sockets in this process."""
    lookup = socket.getaddrinfo

    def local_lookup(host, *rest, **named):
        if not is_local(host) and host not in {"0.0.0.0", "::"}:  # noqa: S104
            raise OutsideNetwork(f"a test may look up this machine only, not {host}")
        return lookup(host, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", local_lookup)
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """Drop the SWITCHBOARD_ variables of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("SWITCHBOARD_")]:
        monkeypatch.delenv(name)
