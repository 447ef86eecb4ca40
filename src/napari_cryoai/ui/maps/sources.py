"""Which maps are the two halves and the mask: chosen once, for all that needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from psygnal import Signal
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QWidget

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import SUFFIXES, read_map
from napari_cryoai.ui.maps.session import MapSession, OpenMap

NO_MASK, NOT_CHOSEN, CHOOSE = "No mask", "Not chosen", "Choose a file…"
FILTER = f"Maps ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All files (*)"
Role = Literal["half1", "half2", "mask"]
TITLES: dict[Role, str] = {"half1": "Half map 1", "half2": "Half map 2", "mask": "Mask"}


@dataclass(frozen=True, eq=False)
class Source:
    """A map to work on: one that is open, or a file.

    Attributes
    ----------
    path
        Of the file that holds it, or None; for an open map see `file`.
    opened
        The open map, if it is one.
    """

    name: str
    density: DensityMap | None = None
    path: Path | None = None
    opened: OpenMap | None = None

    @property
    def file(self) -> Path | None:
        """The file that holds it as it is; None if there is none."""
        if self.opened is None:
            return self.path
        return self.opened.path if self.opened.stored is self.density else None

    @property
    def given_pixel_size_A(self) -> float | None:
        """What the user gave, whatever the file says."""
        return None if self.opened is None else self.opened.given_pixel_size_A

    def read(self) -> DensityMap:
        """The map."""
        if self.density is not None:
            return self.density
        assert self.path is not None  # noqa: S101 - a source is one or the other
        return read_map(self.path)


class HalfMapChoice:
    """Two half maps and a mask among the open maps and the files that were named.

    Signals
    -------
    changed()
        Something else is chosen, or can be.
    """

    changed = Signal()

    def __init__(self, session: MapSession):
        self.session = session
        self._open: dict[OpenMap, Source] = {}
        self._files: list[Source] = []
        self._chosen: dict[Role, Source] = {}
        session.added.connect(self._on_added)
        session.removed.connect(self._on_removed)
        session.replaced.connect(self._on_replaced)
        for opened in session.maps:
            self._on_added(opened)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that can be chosen."""
        return (*self._open.values(), *self._files)

    @property
    def half1(self) -> Source | None:
        """The first half map, or the only map."""
        return self._chosen.get("half1")

    @property
    def half2(self) -> Source | None:
        """The second half map."""
        return self._chosen.get("half2")

    @property
    def mask(self) -> Source | None:
        """The mask."""
        return self._chosen.get("mask")

    def chosen(self, role: Role) -> Source | None:
        """What a role is played by."""
        return self._chosen.get(role)

    def choose(self, role: Role, source: Source | None) -> None:
        """Give a role to a map, or to none."""
        if source is None:
            self._chosen.pop(role, None)
        else:
            self._chosen[role] = source
        self.changed.emit()

    def choose_open(self, role: Role, opened: OpenMap) -> None:
        """Give a role to a map that is open."""
        self.choose(role, self._open[opened])

    def add_file(self, path: Path, role: Role) -> None:
        """Offer a file, and choose it."""
        found = next((source for source in self._files if source.path == path), None)
        if found is None:
            found = Source(path.name, path=path)
            self._files.append(found)
        self.choose(role, found)

    def opened(self, role: Role) -> OpenMap | None:
        """The open map that plays a role."""
        source = self._chosen.get(role)
        return next((opened for opened, s in self._open.items() if s is source), None)

    def _on_added(self, opened: OpenMap) -> None:
        self._open[opened] = Source(opened.name, opened.density, opened.path, opened)
        self._guess()
        self.changed.emit()

    def _on_removed(self, opened: OpenMap) -> None:
        gone = self._open.pop(opened, None)
        self._chosen = {role: s for role, s in self._chosen.items() if s is not gone}
        self.changed.emit()

    def _on_replaced(self, opened: OpenMap) -> None:
        old = self._open[opened]
        new = self._open[opened] = Source(opened.name, opened.density, opened.path, opened)
        self._chosen = {role: new if s is old else s for role, s in self._chosen.items()}
        self.changed.emit()

    def _guess(self) -> None:
        """Two open maps whose names differ in 1 and 2 alone are half maps of each other."""
        if self.half1 or self.half2:
            return
        names = {source.name: source for source in self._open.values()}
        for name, source in names.items():
            for twin in twin_names(name):
                if twin in names:
                    self._chosen |= {"half1": source, "half2": names[twin]}
                    return


class SourceBox(QComboBox):
    """A drop-down for one role; the last entry asks for a file."""

    def __init__(self, choice: HalfMapChoice, role: Role, none: str, parent: QWidget | None = None):
        super().__init__(parent)
        self.choice, self.role, self.none = choice, role, none
        self.setAccessibleName(TITLES[role])
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.currentIndexChanged.connect(self._on_index)
        self.activated.connect(self._on_activated)
        choice.changed.connect(self.fill)
        self.fill()

    def fill(self) -> None:
        """List what can be chosen, and mark what is."""
        sources = self.choice.sources
        with QSignalBlocker(self):
            self.clear()
            self.addItem(self.none)
            for source in sources:
                self.addItem(source.name, source)
            self.addItem(CHOOSE)
            chosen = self.choice.chosen(self.role)
            self.setCurrentIndex(sources.index(chosen) + 1 if chosen in sources else 0)

    def _on_index(self, index: int) -> None:
        found = self.itemData(index)
        if self.itemText(index) != CHOOSE or found is not None:
            self.choice.choose(self.role, found if isinstance(found, Source) else None)

    def _on_activated(self, index: int) -> None:
        if self.itemText(index) != CHOOSE or self.itemData(index) is not None:
            return
        self.fill()
        title = f"Choose the {TITLES[self.role].lower()}"
        path, _ = QFileDialog.getOpenFileName(self, title, "", FILTER)
        if path:
            self.choice.add_file(Path(path), self.role)


def file_for_command(name: str, file: Path | None, path: Path | None) -> str:
    """The file of a map, for the command line.

    Parameters
    ----------
    file
        That holds it as it is.
    path
        That it once came from.

    Raises
    ------
    CryoAIError
        If no file holds it.
    """
    if file is None:
        why = "was edited since it was read or saved" if path is not None else "is not in a file"
        raise CryoAIError(
            f"{name} {why}: the command line needs a file",
            remedy="Save it first (panel Map, section Edit and save)",
        )
    return str(file)


def twin_names(name: str) -> list[str]:
    """What the other half may be called, if a map is called like the first."""
    found = re.finditer(r"half[_ -]?(?:map)?[_ -]?[1A](?![0-9])", name, re.IGNORECASE)
    other = {"1": "2", "A": "B", "a": "b"}
    return [f"{name[: m.end() - 1]}{other[m[0][-1]]}{name[m.end() :]}" for m in found]
