"""The sequences that are in the map: from a FASTA file or pasted, and how many copies of each."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QLabel,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.fasta import MAX_COPIES, Entry, ignored, parse_fasta, polymers_of
from napari_cryoai.io.guards import read_text
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import button, counted, hint

FILTER = "Sequences (*.fasta *.fa *.faa *.seq *.txt);;All files (*)"
_READ_MS = 300
_MOST_BYTES = 1 << 22
_NONE = "Without a sequence, residues are named by what the map shows of them."


class SequencesBox(QWidget):
    """Sequences as text, and below them a line for each protein with its number of copies.

    Signals
    -------
    changed()
        The sequences or copies are others.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.path: Path | None = None
        self.entries: list[Entry] = []
        self.error: CryoAIError | None = None
        self.copies: dict[int, QSpinBox] = {}
        self.text = QPlainTextEdit(self)
        self.text.setPlaceholderText("Paste sequences here (FASTA), or open a file")
        self.text.setAccessibleName("Sequences")
        self.text.setFixedHeight(self.fontMetrics().height() * 5)
        self.text.setTabChangesFocus(True)
        theme.themed(self.text, self._dress_text)
        self.words = hint("", self)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._rows: list[QWidget] = []
        head = row("Sequences", 1, button("Open FASTA…", self.ask_open, icon="folder"))
        column(head, self.text, self._grid, self.words, of=self, spacing=4)
        self._timer = QTimer(self, interval=_READ_MS, singleShot=True)
        self._timer.timeout.connect(self.read)
        self.text.textChanged.connect(self._on_text)
        self.read()

    def _dress_text(self) -> None:
        shade = theme.colour("foreground").name()
        self.text.setStyleSheet(f"QPlainTextEdit {{ background: {shade}; border-radius: 2px; }}")

    def ask_open(self) -> None:
        """Choose a FASTA file."""
        path, _ = QFileDialog.getOpenFileName(self, "Open sequences", "", FILTER)
        if path:
            self.open(Path(path))

    def open(self, path: Path) -> None:
        """Take the sequences of a file."""
        try:
            text = read_text(path, limit_bytes=_MOST_BYTES)
        except CryoAIError as error:
            self._take([], error)
            return
        self.text.setPlainText(text)
        self.path = path
        self.read()

    def read(self) -> None:
        """Understand the text."""
        self._timer.stop()
        text = self.text.toPlainText()
        if not text.strip():
            self._take([], None)
            return
        try:
            self._take(parse_fasta(text, self.path or "The sequences"), None)
        except CryoAIError as error:
            self._take([], error)

    def polymers(self) -> tuple[Polymer, ...]:
        """One chain for each copy; none without a sequence.

        Raises
        ------
        CryoAIError
            If the text cannot be understood, or holds nucleic acids alone.
        """
        if self._timer.isActive():
            self.read()
        if self.error is not None:
            raise self.error
        return polymers_of(self.entries, self._numbers()) if self.entries else ()

    def as_option(self) -> str:
        """What `--copies` is: "A:4,B:2"; "" if there is one of each."""
        spins = list(self.copies.values())
        if all(spin.value() == 1 for spin in spins):
            return ""
        return ",".join(f"{name}:{number}" for name, number in self._numbers().items())

    def _numbers(self) -> dict[str, int]:
        return {_letters(i): spin.value() for i, spin in enumerate(self.copies.values())}

    def _on_text(self) -> None:
        self.path = None
        self._timer.start()

    def _take(self, entries: list[Entry], error: CryoAIError | None) -> None:
        before = {self.entries[i].sequence: spin.value() for i, spin in self.copies.items()}
        self.entries, self.error = entries, error
        for widget in self._rows:
            widget.hide()
            widget.deleteLater()
        self._rows, self.copies = [], {}
        for i, entry in enumerate(entries):
            if not entry.nucleic:
                self._add_row(i, entry, before.get(entry.sequence, max(len(entry.chains), 1)))
        self._say()
        self.changed.emit()

    def _add_row(self, i: int, entry: Entry, copies: int) -> None:
        name = QLabel(entry.name, self)
        name.setToolTip(entry.sequence[:60] + ("…" if len(entry.sequence) > 60 else ""))
        length = QLabel(counted(len(entry.sequence), "residue"), self)
        spin = QSpinBox(self)
        spin.setRange(1, MAX_COPIES)
        spin.setValue(copies)
        spin.setSuffix(" copy" if copies == 1 else " copies")
        spin.setAccessibleName(f"Copies of {entry.name}")
        spin.valueChanged.connect(lambda n, s=spin: s.setSuffix(" copy" if n == 1 else " copies"))
        spin.valueChanged.connect(lambda _n: self._say())
        spin.valueChanged.connect(lambda _n: self.changed.emit())
        self.copies[i] = spin
        for at, widget in enumerate((name, length, spin)):
            self._grid.addWidget(widget, i, at)
            self._rows.append(widget)

    def _say(self) -> None:
        if self.error is not None:
            self.words.setText(str(self.error))
            return
        chains = sum(spin.value() for spin in self.copies.values())
        residues = sum(
            spin.value() * len(self.entries[i].sequence) for i, spin in self.copies.items()
        )
        total = f"{counted(chains, 'chain')}, {counted(residues, 'residue')}." if chains > 1 else ""
        words = " ".join(part for part in (total, ignored(self.entries)) if part)
        self.words.setText(words if self.entries else _NONE)


def _letters(i: int) -> str:
    """What a sequence is called by its place in the file: A, B, ..., Z, AA, ..."""
    name = ""
    i += 1
    while i:
        i, rest = divmod(i - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
