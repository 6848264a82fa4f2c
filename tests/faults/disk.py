"""Disks of a run: one that can be made full, files that can't be written for a while.

As root the disk is a small tmpfs of the run's own, and a file is made immutable. For anybody
else a process may write no file longer (RLIMIT_FSIZE), and files and folder lose their modes.
"""

from __future__ import annotations

import array
import fcntl
import os
import resource
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ROOMY = "256m"
PAGE = 4_096
# Source: linux/fs.h, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_IMMUTABLE_FL.
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10


def _mount(*options: str) -> bool:
    return not subprocess.run(["mount", *options], check=False, capture_output=True).returncode


class Disk:
    """A folder that is a disk of its own where that can be had; `is_own` tells."""

    def __init__(self, folder: Path, owner: int) -> None:
        self.folder = folder
        folder.mkdir()
        options = f"size={ROOMY},mode=700,uid={owner},gid={owner}"
        self.is_own = not os.geteuid() and _mount(
            "-t", "tmpfs", "-o", options, "tmpfs", str(folder)
        )

    def _shrink(self, left: int) -> bool:
        """Leave so many pages; False where more has been written meanwhile."""
        found = os.statvfs(self.folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        return _mount("-o", f"remount,size={used + left * PAGE}", str(self.folder))

    def fill(self, left: int, processes: Iterable[int]) -> None:
        """Leave so many pages free, or let the processes write no more than that to a file."""
        if self.is_own:
            while not self._shrink(left):
                left += 1
            return
        longest = max(path.stat().st_size for path in self.folder.iterdir())
        for process in processes:
            _limit(process, longest + left * PAGE)

    def empty(self, processes: Iterable[int]) -> None:
        """Let there be room again."""
        if self.is_own:
            _mount("-o", f"remount,size={ROOMY}", str(self.folder))
        for process in processes:
            _limit(process, resource.RLIM_INFINITY)

    def close(self) -> None:
        """Take the disk away, with what is on it."""
        if self.is_own:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)


def _limit(process: int, size: int) -> None:
    with suppress(ProcessLookupError):
        _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


class Unwritable:
    """Files that nobody can write, until they are `released`. `how` says by what means."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        taken = [_set_immutable(path, on=True) for path in self._files]
        self.how = "immutable" if all(taken) else "mode"
        if self.how == "mode":
            self._chmod(0o400, 0o500)

    def release(self) -> None:
        """Let them be written again."""
        if self.how == "mode":
            self._chmod(0o600, 0o700)
        for path in self._files:
            _set_immutable(path, on=False)

    def _chmod(self, file: int, folder: int) -> None:
        self._files[0].parent.chmod(0o700)
        for path in self._files:
            path.chmod(file)
        self._files[0].parent.chmod(folder)


def _set_immutable(path: Path, *, on: bool) -> bool:
    """Let nobody change a file, not even through what is open; False where that can't be had."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    flags = array.array("l", [0])
    try:
        fcntl.ioctl(file, _GET_FLAGS, flags)
        flags[0] = flags[0] | _IMMUTABLE if on else flags[0] & ~_IMMUTABLE
        fcntl.ioctl(file, _SET_FLAGS, flags)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
