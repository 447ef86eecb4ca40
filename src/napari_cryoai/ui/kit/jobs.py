"""A job in a thread, with a bar, the time that is left, and Cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from threading import Event
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.kit.background import unexpected
from napari_cryoai.ui.kit.layout import column, row

MakeJob = Callable[[], Job[Any]]
REDRAW_MS = 200


@dataclass(frozen=True)
class _Result:
    value: Any


class JobRunner(QObject):
    """Drives one job at a time in a thread that napari knows of (it asks before closing).

    Signals
    -------
    progressed(progress)
        Every `Progress` of the job.
    started(words)
        With what to say until the job says something itself.
    done(result), failed(error), cancelled()
        How it ended; exactly one of them is emitted.
    ended()
        After that, however it ended.
    """

    started = Signal(str)
    progressed = Signal(object)
    done = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._worker: Any = None
        self._stop = Event()

    @property
    def running(self) -> bool:
        """Whether a job is on its way."""
        return self._worker is not None

    def start(self, make: MakeJob, words: str = "Starting…") -> None:
        """Run the job that `make()` returns; refused while another one runs."""
        if self.running:
            raise RuntimeError("a job is running already")
        self._stop = Event()
        self._worker = create_worker(_driven, make, self._stop)
        self._worker.yielded.connect(self._on_yield)
        self._worker.aborted.connect(self.cancel)
        self.started.emit(words)
        self._worker.start()

    def cancel(self) -> None:
        """End at once for the user; the thread closes the job at its next step, unheard."""
        self._stop.set()
        self._end(self.cancelled.emit)

    def _on_yield(self, news: tuple[Event, Any]) -> None:
        run, item = news
        if run is not self._stop or run.is_set():
            return
        if isinstance(item, Progress):
            self.progressed.emit(item)
        elif isinstance(item, _Result):
            self._end(lambda: self.done.emit(item.value))
        elif isinstance(item, CryoAIError):
            self._end(lambda: self.failed.emit(item))

    def _end(self, tell: Callable[[], None]) -> None:
        if self._worker is not None:
            self._worker = None
            tell()
            self.ended.emit()


def _driven(make: MakeJob, stop: Event) -> Generator[Any, None, None]:
    """In a thread: the job's progress, and at last a `_Result` or a `CryoAIError`.

    Each comes with `stop`, by which the runner knows the run that it belongs to.
    """
    job = make()
    try:
        while not stop.is_set():
            yield stop, next(job)
    except StopIteration as end:
        yield stop, _Result(end.value)
    except CryoAIError as error:
        yield stop, error
    except Exception as error:  # noqa: BLE001 - the job boundary: the user gets a message
        yield stop, unexpected(error)
    finally:
        job.close()


class JobBar(QWidget):
    """A progress bar redrawn at most five times a second, the time left, and Cancel.

    Parameters
    ----------
    runner
        Of the jobs that it shows.
    report
        Is told why one failed.
    """

    cancel_requested = Signal()

    def __init__(
        self,
        runner: JobRunner,
        report: Callable[[CryoAIError], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(True)
        self.bar.setFormat("%v of %m")
        self.label = QLabel(self)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.clicked.connect(self._on_cancel)
        column(row((self.bar, 1), self.cancel), self.label, of=self, spacing=2)
        self._latest: Progress | None = None
        self._started = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        runner.started.connect(self.begin)
        runner.progressed.connect(self.advance)
        runner.failed.connect(report)
        runner.ended.connect(self.end)
        self.cancel_requested.connect(runner.cancel)
        self.hide()

    def begin(self, message: str) -> None:
        """A job has started."""
        self._latest, self._started = None, time.monotonic()
        self.bar.setRange(0, 0)
        self.label.setText(message)
        self.cancel.setText("Cancel")
        self.cancel.setEnabled(True)
        self._timer.start()
        self.show()

    def advance(self, progress: Progress) -> None:
        """Take note; the next redraw shows it."""
        self._latest = progress

    def end(self) -> None:
        """The job is over."""
        self._timer.stop()
        self.hide()

    def _redraw(self) -> None:
        if self._latest is None:
            return
        self.bar.setRange(0, max(1, self._latest.total))
        self.bar.setValue(self._latest.done)
        self.label.setText(self._words(self._latest))

    def _words(self, progress: Progress) -> str:
        left = time_left(time.monotonic() - self._started, progress.done, progress.total)
        return "  ·  ".join(part for part in (left, progress.message) if part)

    def _on_cancel(self) -> None:
        self.cancel.setText("Cancelling…")
        self.cancel.setEnabled(False)
        self.cancel_requested.emit()


def time_left(elapsed_s: float, done: int, total: int) -> str:
    """ "about 3 min left", from the pace so far; nothing before the first item is done."""
    if done <= 0 or done >= total:
        return ""
    seconds = elapsed_s / done * (total - done)
    if seconds < 60:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
