"""`python -m benchmarks.peers.alliance.prepare PEOPLE` makes the tables, the people and a poll."""

from __future__ import annotations

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.alliance.project"
django.setup()

from django.core.management import call_command  # noqa: E402  after setup()
from rapidsms.models import Backend, Connection  # noqa: E402

from benchmarks.peers.alliance.models import Poll  # noqa: E402

call_command("migrate", verbosity=0)  # RapidSMS's tables first: ours refer to them
call_command("migrate", run_syncdb=True, verbosity=0)
backend = Backend.objects.create(name="kannel")
Connection.objects.bulk_create(
    Connection(backend=backend, identity=f"+1202555{number:04d}")
    for number in range(int(sys.argv[1]))
)
Poll.objects.create(question="Which first?", options="Taps\nPrice\nDrains")
