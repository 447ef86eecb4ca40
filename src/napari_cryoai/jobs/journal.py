"""The autosave: every edit is appended to a file the moment it is made."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import threading
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from psygnal import Signal

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.history import Entry, History
from napari_cryoai.io.atomic import replacing
from napari_cryoai.jobs.lock import FileLock
from napari_cryoai.jobs.replay import Recovered, change, pack, recover, snapshot

_SYNC_EVERY_S = 1.0


class Journal:
    """A file that holds a history at any moment, and is only ever appended to.

    Its first line is a snapshot, each further line one change. When the changes outgrow the
    snapshot, a new one takes their place. A line is with the operating system when the call
    returns, and on disk within a second.

    Parameters
    ----------
    path
        The file; it need not exist. It is replayed at once, and rewritten by `follow`.
    compact_bytes
        Changes that take less than this are never compacted.

    Attributes
    ----------
    recovered
        What the file held: go on with its `history`.
    damaged_copy
        Where a damaged file was kept, if it was one.

    Signals
    -------
    failed(error)
        When an edit could not be saved, a full disk say; the next one saves it too.

    Raises
    ------
    CryoAIError
        If another window has the journal open, or the file is none.
    """

    failed = Signal(CryoAIError)

    def __init__(self, path: str | os.PathLike[str], *, compact_bytes: int = 16 << 20):
        self.path = Path(path)
        self._lock = FileLock(self.path)
        for left_behind in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.part"):
            left_behind.unlink(missing_ok=True)
        try:
            self.recovered: Recovered = recover(self.path)
            self.damaged_copy = self._keep_copy() if self.recovered.damaged else None
        except BaseException:
            self._lock.release()
            raise
        self._notes = dict(self.recovered.notes)
        self._history: History | None = None
        self._file: FileIO | None = None
        self._size, self._compact_bytes, self._limit = 0, compact_bytes, compact_bytes
        self._sync_timer: threading.Timer | None = None
        self._file_lock = threading.Lock()

    def follow(self, history: History) -> None:
        """Write down the history as it is, and from now on every change of it."""
        if self._history is not None:
            self._history.changed.disconnect(self._on_changed)
        self._history = history
        self._save(history, None)
        history.changed.connect(self._on_changed)

    def note(self, key: str, value: Any) -> None:
        """Remember view state, as JSON: the micrograph in view, the zoom. The last value counts."""
        if key in self._notes and self._notes[key] == value:
            return
        line = pack({"verb": "note", "key": key, "value": value})
        self._notes[key] = value
        if self._history is not None:
            self._save(self._history, line)

    def close(self) -> None:
        """Stop following and let go of the file; harmless the second time."""
        if self._history is not None:
            self._history.changed.disconnect(self._on_changed)
            self._history = None
        if self._sync_timer is not None:
            self._sync_timer.cancel()
        self._sync()
        self._close_file()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _on_changed(self, verb: str, entry: Entry) -> None:
        if self._history is not None:
            self._save(self._history, pack(change(verb, entry)))

    def _save(self, history: History, line: bytes | None) -> None:
        """Append a line; without one, or where that will not do, write a snapshot."""
        try:
            if self._file is None or line is None or self._size + len(line) > self._limit:
                self._compact(history)
            else:
                self._append(self._file, line)
        except OSError as error:
            # What is in the file may end in half a line: start it anew with the next change.
            self._close_file()
            self.failed.emit(
                CryoAIError(
                    f"the last change could not be saved ({error.strerror or error})",
                    path=self.path,
                    remedy="Make room on the disk or mend access to it, then change anything",
                )
            )

    def _append(self, file: FileIO, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]
        self._size += len(line)
        if self._sync_timer is None or not self._sync_timer.is_alive():
            self._sync_timer = threading.Timer(_SYNC_EVERY_S, self._sync)
            self._sync_timer.daemon = True
            self._sync_timer.start()

    def _compact(self, history: History) -> None:
        line = pack(snapshot(history, self._notes))
        self._close_file()
        with replacing(self.path) as part:
            part.write_bytes(line)
        self._file = FileIO(self.path, "a")
        self._size, self._limit = len(line), max(self._compact_bytes, 2 * len(line))

    def _sync(self) -> None:
        # A disk that fails here fails the next change too, and that one tells the user.
        with self._file_lock, contextlib.suppress(OSError):
            if self._file is not None:
                os.fsync(self._file.fileno())

    def _close_file(self) -> None:
        with self._file_lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _keep_copy(self) -> Path:
        copy = self.path.with_name(self.path.name + ".damaged")
        number = 1
        while copy.exists():
            number += 1
            copy = self.path.with_name(f"{self.path.name}.damaged{number}")
        shutil.copy2(self.path, copy)
        return copy
