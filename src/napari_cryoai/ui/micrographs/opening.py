"""The head of the panel: open, the pixel size, and messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from psygnal import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QMenu, QPushButton, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.micrographs import SUFFIXES, check_pixel_sizes
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import row
from napari_cryoai.ui.kit.parts import Banners, button, hint
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.micrographs.store import Opened, begin, open_set, put_aside, remember


class Opener:
    """Opens sets of micrographs into a session, in threads, and says what came of it.

    Signals
    -------
    restored(notes)
        A set is open; with what was noted of the view when the user left it.
    leaving()
        The set before it is about to be closed: whatever is to be written of it, must be now.
    """

    restored = Signal(dict)
    leaving = Signal()

    def __init__(self, session: Session, background: Background, banners: Banners):
        self.session = session
        self.background = background
        self.banners = banners

    def open(self, paths: Sequence[str | Path]) -> None:
        """Open files and folders; what cannot be read is reported, the rest is opened."""
        self.background.submit(partial(open_set, list(paths)), self._reopen)

    def start_afresh(self, opened: Opened) -> None:
        """Forget the earlier session on this set; its file is kept under another name."""
        self.session.keep(None)
        put_aside(opened.place)
        self.open([m.path for m in opened.micrographs])

    def _reopen(self, opened: Opened) -> None:
        self.leaving.emit()
        self.session.keep(None)  # the same set may be open already, and its journal locked by us
        self.background.submit(partial(remember, opened), self._begin)

    def _begin(self, opened: Opened) -> None:
        self.banners.clear()
        was_there_before = opened.was_there_before
        begin(self.session, opened)
        if self.session.journal is not None:
            self.session.journal.failed.connect(self.report)
        self.restored.emit(opened.notes)
        if was_there_before:
            self._welcome_back(opened)
        for error in opened.errors[:3]:
            self.report(error)
        if len(opened.errors) > 3:
            more = f"{len(opened.errors) - 3} more files could not be opened."
            self.banners.show_message(more, "warning")

    def _welcome_back(self, opened: Opened) -> None:
        document = opened.history.document
        n, done = int(self.session.shown().sum()), len(document.reviewed)
        self.banners.show_message(
            f"Back where you left: {n:,} picks, {done} micrographs reviewed.",
            "info",
            {"Start afresh": lambda: self.start_afresh(opened)},
        )

    def report(self, error: CryoAIError) -> None:
        """Tell the user what is wrong and what to do."""
        self.banners.show_message(str(error), "error")


class OpenBar(QWidget):
    """Open a folder or files."""

    def __init__(
        self,
        open_: Callable[[Sequence[str]], object],
        more: dict[str, Callable[[], object]],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self._open = open_
        self.folder = button("Open folder…", self.ask_folder, icon="folder")
        self.files = button("Files…", self.ask_files, icon="image")
        self.more = QPushButton("More", self)
        menu = QMenu(self.more)
        for title, action in more.items():
            menu.addAction(title).triggered.connect(lambda _=False, a=action: a())
        self.more.setMenu(menu)
        row((self.folder, 2), (self.files, 1), self.more, of=self, spacing=4)

    def ask_folder(self) -> None:
        """Choose a folder of micrographs."""
        folder = QFileDialog.getExistingDirectory(self, "Open a folder of micrographs")
        if folder:
            self._open([folder])

    def ask_files(self) -> None:
        """Choose micrographs."""
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        paths, _ = QFileDialog.getOpenFileNames(
            self, "Open micrographs", "", f"Micrographs ({kinds});;All files (*)"
        )
        if paths:
            self._open(paths)


class PixelSizeBar(QWidget):
    """The pixel size: asked for when the files do not tell it believably, else only shown."""

    def __init__(self, session: Session, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.question = hint("", self)
        self.field = QDoubleSpinBox(self)
        self.field.setDecimals(4)
        self.field.setRange(0, 100)
        self.field.setSingleStep(0.01)
        self.field.setSpecialValueText("Å per pixel?")
        self.field.setSuffix(" Å/px")
        self.field.setAccessibleName("Pixel size")
        self.field.setToolTip("Side of a pixel of these files, as they are (after any binning)")
        self.apply = button("Set", self._apply)
        self.field.lineEdit().returnPressed.connect(self._apply)
        row((self.question, 1), self.field, self.apply, of=self)
        session.opened.connect(self.refresh)
        session.pixel_size_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Ask, or say nothing."""
        micrographs = list(self.session.micrographs.values())
        question = check_pixel_sizes(micrographs) if micrographs else None
        sizes = [m.pixel_size_A for m in micrographs if m.pixel_size_A]
        self.setVisible(question is not None)
        if question is not None:
            self.question.setText(question)
            self.field.setValue(sizes[0] if sizes else 0)

    def _apply(self) -> None:
        if self.field.value() > 0:
            self.session.set_pixel_size(float(self.field.value()))
