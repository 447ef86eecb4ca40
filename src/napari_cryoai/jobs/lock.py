"""A lock file: one window, one journal."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import psutil

from napari_cryoai.core.errors import CryoAIError

_CLOCK_SLACK_S = 60
_SETTLE_S = 0.05


class FileLock:
    """Hold `path` by a file `path.lock` beside it, which names the process that holds it.

    A lock left behind by a process that is gone is taken over. A process on another machine cannot
    be asked, so its lock stands.

    Raises
    ------
    CryoAIError
        If another window holds the lock, or the folder cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._file = self.path.with_name(self.path.name + ".lock")
        self._mine = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "token": os.urandom(8).hex(),
        }
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            held = self._create() or (self._is_stale() and self._take_over())
        except OSError as error:
            raise CryoAIError(
                f"the folder cannot be written to ({error.strerror or error})",
                path=self.path,
                remedy="Choose another folder, or mend access to this one",
            ) from error
        if not held:
            raise CryoAIError(
                "it is open in another window",
                path=self.path,
                remedy=f"Close that window; if there is none, delete {self._file.name}",
            )

    def release(self) -> None:
        """Give it back; harmless the second time."""
        if self._read() == self._mine:
            self._file.unlink(missing_ok=True)

    def _create(self) -> bool:
        try:
            with self._file.open("x", encoding="utf-8") as file:
                file.write(json.dumps(self._mine))
        except FileExistsError:
            return False
        return True

    def _read(self) -> Any:
        try:
            return json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _is_stale(self) -> bool:
        owner = self._read()
        if not isinstance(owner, dict) or not isinstance(owner.get("pid"), int):
            # Empty: its writer died, or is about to fill it in.
            return time.time() - self._written() > _CLOCK_SLACK_S
        if owner.get("host") != self._mine["host"]:
            return False
        try:
            started = psutil.Process(owner["pid"]).create_time()
        except (psutil.NoSuchProcess, ValueError, OverflowError):
            return True
        # The same number can be another process by now, after a restart say.
        return bool(started > self._written() + _CLOCK_SLACK_S)

    def _written(self) -> float:
        with contextlib.suppress(OSError):
            return self._file.stat().st_mtime
        return time.time()

    def _take_over(self) -> bool:
        claim = self._file.with_name(f"{self._file.name}.{self._mine['token']}")
        claim.write_text(json.dumps(self._mine), encoding="utf-8")
        claim.replace(self._file)
        # Of several windows that do this at once, the last to write has it.
        time.sleep(_SETTLE_S)
        return bool(self._read() == self._mine)
