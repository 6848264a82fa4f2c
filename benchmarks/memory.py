"""What a running process costs: its processor time, and its memory, looked at again and again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

EVERY = 0.05


def resident(pid: int) -> float:
    """Return the memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1_024


def busy(pid: int) -> float:
    """Return the seconds that a process has had a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Memory:
    """How much a process grows from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._most = resident(pid)
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            self._most = max(self._most, resident(self._pid))
            await asyncio.sleep(EVERY)

    def growth(self) -> float:
        """Return by how much it was larger than at first when it was largest, in MiB."""
        self._task.cancel()
        return max(self._most, resident(self._pid)) - self._before
