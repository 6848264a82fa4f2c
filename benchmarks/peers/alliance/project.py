"""RapidSMS as its documentation sets it up for production, with nothing installed that a poll
does not need: no sessions, no message log, no middleware.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

SECRET_KEY = "of nobody"  # noqa: S105  signs nothing here
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.peers.alliance.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # it adds Content-Length
LOGGING_CONFIG = None
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rapidsms",
    "rapidsms.backends.kannel",
    "benchmarks.peers.alliance",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

_url = urlsplit(os.environ["PEER_DATABASE"])
if _url.scheme == "sqlite":
    _database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _url.path,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
else:
    _database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path.removeprefix("/"),
        "USER": _url.username,
        "HOST": _url.hostname,
        "PORT": _url.port,
    }
DATABASES = {"default": {**_database, "CONN_MAX_AGE": None}}

INSTALLED_BACKENDS = {
    "kannel": {
        "ENGINE": "rapidsms.backends.kannel.KannelBackend",
        "sendsms_url": f"http://127.0.0.1:{os.environ['PEER_SINK']}/cgi-bin/sendsms",
        "sendsms_params": {"smsc": "fake", "from": "12345", "username": "u", "password": "p"},
        "coding": 0,
        "charset": "ascii",
    }
}
RAPIDSMS_ROUTER = "rapidsms.router.blocking.BlockingRouter"
