"""Limits that throw micrographs out: seen in the table at once, done at the press of a button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QSizePolicy,
    QWidget,
)

from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.ui.kit.layout import column, form, row
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import button, counted, hint
from napari_cryoai.ui.micrographs.session import Session


@dataclass(frozen=True)
class Limits:
    """What a good micrograph keeps to; None where anything goes.

    Attributes
    ----------
    resolution_A
        The rings fit at least this far.
    low_um, high_um
        The defocus lies between these.
    astigmatism_A
        Not more than this.
    """

    resolution_A: float | None = None
    low_um: float | None = None
    high_um: float | None = None
    astigmatism_A: float | None = None

    def broken_by(self, ctf: MicrographCtf) -> frozenset[str]:
        """Which columns of the table are beyond; a value that nobody told breaks no limit."""
        defocus_um = ctf.defocus_A / 1e4
        beyond = {
            "resolution": self.resolution_A is not None
            and ctf.fit_resolution_A > self.resolution_A,
            "defocus": (self.low_um is not None and defocus_um < self.low_um)
            or (self.high_um is not None and defocus_um > self.high_um),
            "astigmatism": self.astigmatism_A is not None
            and ctf.astigmatism_A > self.astigmatism_A,
        }
        return frozenset(column for column, on in beyond.items() if on)


class LimitsPanel(QWidget):
    """Spin boxes for the limits, and the button that excludes what breaks them.

    Signals
    -------
    changed(beyond)
        Micrographs that break a limit and are not excluded yet: name to columns.
    """

    changed = Signal(object)

    def __init__(
        self,
        session: Session,
        links: Links,
        toggle: Callable[[], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session = session
        self.beyond: dict[str, frozenset[str]] = {}
        self.resolution = _spin(0, 100, 0.5, 1, " Å", "Rings fit at least to")
        self.low = _spin(0, 20, 0.1, 2, " µm", "Smallest defocus")
        self.high = _spin(0, 20, 0.1, 2, " µm", "Largest defocus")
        self.astigmatism = _spin(0, 20_000, 100, 0, " Å", "Astigmatism at most")
        self.exclude = button("", self.apply, icon="junk", tip="One step; Ctrl+Z takes it back")
        self.by_hand = button(
            "Exclude this one",
            toggle,
            tip="The chosen rows of the table, or take them in again [X]",
        )
        self.count = hint("", self)
        self._build()
        for field in (self.resolution, self.low, self.high, self.astigmatism):
            field.valueChanged.connect(self.refresh)
        for signal in (session.opened, session.ctf_changed, session.picks_changed):
            links.connect(signal, self.refresh)
        links.connect(session.current_changed, self.refresh)
        self.refresh()

    @property
    def limits(self) -> Limits:
        """What the fields say."""
        fields = (self.resolution, self.low, self.high, self.astigmatism)
        return Limits(*(field.value() or None for field in fields))

    def refresh(self, *_: object) -> None:
        """Who breaks the limits now."""
        limits, junk = self.limits, self.session.document.junk
        found = {n: limits.broken_by(c) for n, c in self.session.ctf.items() if n not in junk}
        beyond = {name: columns for name, columns in found.items() if columns}
        self.exclude.setEnabled(bool(beyond))
        how_many = f"Exclude {len(beyond)}" if beyond else "None"
        self.exclude.setText(f"{how_many} beyond limits")
        out = sum(name in junk for name in self.session.micrographs)
        total = len(self.session.micrographs)
        self.count.setText(
            f"{total - out} of {counted(total, 'micrograph')} in use, {out} excluded. Nothing is "
            "deleted: Ctrl+Z, or X on a row, takes it in again."
        )
        here_out = self.session.current in junk
        self.by_hand.setText("Take this one in" if here_out else "Exclude this one")
        self.by_hand.setEnabled(self.session.current is not None)
        if beyond != self.beyond:
            self.beyond = beyond
            self.changed.emit(beyond)

    def apply(self) -> None:
        """Exclude what is beyond the limits, as one step."""
        label = f"Exclude {counted(len(self.beyond), 'micrograph')} beyond limits"
        self.session.throw_out(self.beyond, label)

    def _build(self) -> None:
        fields = form(
            ("Rings fit at least to", self.resolution),
            ("Defocus at least", self.low),
            ("Defocus at most", self.high),
            ("Astigmatism at most", self.astigmatism),
        )
        fields.setSpacing(5)
        buttons = row((self.exclude, 1), (self.by_hand, 1), spacing=4)
        column(fields, buttons, self.count, of=self, spacing=6)


def _spin(
    low: float, high: float, step: float, decimals: int, suffix: str, name: str
) -> QDoubleSpinBox:
    """A field that says "any" while it is not used."""
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(decimals)
    field.setSuffix(suffix)
    field.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    field.setSpecialValueText("any")
    field.setAccessibleName(name)
    field.setToolTip(f"{name}; 'any' sets no limit")
    return field
