"""The mask editor: threshold, low-pass, widening, soft edge, cavities; with a live preview."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLabel,
    QSlider,
    QWidget,
)

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, form, row
from napari_cryoai.ui.kit.parts import Kind, button, drop_down, hint
from napari_cryoai.ui.maps.history import Content
from napari_cryoai.ui.maps.latest import Latest
from napari_cryoai.ui.maps.mask_preview import MaskPreview
from napari_cryoai.ui.maps.mask_work import (
    MaskWish,
    Outline,
    make_mask,
    outline,
    suggested_threshold,
)
from napari_cryoai.ui.maps.session import MapSession, OpenMap
from napari_cryoai.ui.maps.sources import HalfMapChoice

_STEPS = 1000
LOW_PASS_A, DILATE_A, EDGE_A = 15.0, 6.0, 9.0
"""What one begins with; `physics.masks`, which brings torch, takes the same."""


class MaskPanel(QWidget):
    """Makes a mask from an open map, and hands it to the FSC and the denoiser."""

    def __init__(
        self,
        viewer: Any,
        session: MapSession,
        choice: HalfMapChoice,
        background: Background,
        say: Callable[[str, Kind], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.choice, self.background, self.say = session, choice, background, say
        self.masks: set[OpenMap] = set()
        self.view = MaskPreview(viewer)
        self.latest = Latest(background, self._fail)
        self._range: tuple[float, float] | None = None
        self._of: OpenMap | None = None
        self.map = drop_down("Map to make a mask from", self, 10)
        self.threshold = QSlider(Qt.Orientation.Horizontal, self)
        self.value = QLabel(self)
        self.low_pass = _length(
            "Low-pass of the map before the threshold", LOW_PASS_A, 0, 100, self
        )
        self.dilate = _length("How far beyond the density the mask is 1", DILATE_A, 0, 60, self)
        self.edge = _length("Width of the fall from 1 to 0, a cosine", EDGE_A, 0, 60, self)
        self.fill = QCheckBox("Fill cavities", self)
        self.preview = QCheckBox("Preview", self)
        self.facts = hint("", self)
        self.suggest = button("Suggest", self._suggest, tip="The threshold chosen from the map")
        self.make = button(
            "Make mask", self.make_now, primary=True,
            tip="In full, as a map; the FSC and the denoiser then use it",
        )  # fmt: skip
        self._build()
        self._connect()
        self.refresh()

    @property
    def source(self) -> OpenMap | None:
        """The map that the mask is made from."""
        found = self.map.currentData()
        return found if isinstance(found, OpenMap) else None

    @property
    def idle(self) -> bool:
        """Whether the preview is what was asked for."""
        return self.latest.idle

    def wish(self) -> MaskWish:
        """What the fields say."""
        low, high = self._range or (0.0, 1.0)
        threshold = low + self.threshold.value() / _STEPS * (high - low)
        return MaskWish(
            threshold,
            self.low_pass.value(),
            self.dilate.value(),
            self.edge.value(),
            self.fill.isChecked(),
        )

    def refresh(self, *_: object) -> None:
        """List the maps."""
        chosen, maps = self.source, [o for o in self.session.maps if o not in self.masks]
        current = self.session.current if self.session.current in maps else None
        with QSignalBlocker(self.map):
            self.map.clear()
            for opened in maps:
                self.map.addItem(opened.name, opened)
            wanted = chosen if chosen in maps else current or (maps[0] if maps else None)
            self.map.setCurrentIndex(maps.index(wanted) if wanted is not None else -1)
        self.setEnabled(bool(maps))
        if self._of is not self.source:
            self._take()

    def make_now(self) -> None:
        """Make the mask in full, in a thread; it becomes one of the open maps."""
        opened = self.source
        if opened is None:
            return
        if self._range is None:  # no threshold yet: take the suggested one first
            self._ask_threshold(then=self.make_now)
            return
        self.make.setEnabled(False)
        self.facts.setText("Making the mask…")
        work = partial(_made, opened, self.wish())
        self.background.submit(work, partial(self._arrived, opened), self._fail)

    def let_go(self) -> None:
        """The panel goes."""
        self.view.hide()

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.threshold.setRange(0, _STEPS)
        self.threshold.setAccessibleName("Threshold")
        self.value.setMinimumWidth(58)
        self.fill.setChecked(True)
        self.fill.setToolTip("Cavities that are closed all around belong to the mask")
        self.preview.setToolTip("Draw the mask over the map, coarsely, as you change it")
        line = row((self.threshold, 1), self.value, self.suggest)
        lengths = (("Low-pass", self.low_pass), ("Widen", self.dilate), ("Edge", self.edge))
        column(
            form(("Around", self.map), ("Threshold", line)),
            row(*((column(title, box, spacing=1), 1) for title, box in lengths)),
            row(self.fill, self.preview, 1, self.make),
            self.facts,
            of=self,
            spacing=6,
        )

    def _connect(self) -> None:
        session = self.session
        for signal in (session.added, session.removed, session.replaced):
            signal.connect(self.refresh)
        session.replaced.connect(self._on_replaced)
        self.map.activated.connect(lambda _i: self._take())
        self.threshold.valueChanged.connect(self._moved)
        for box in (self.low_pass, self.dilate, self.edge):
            box.valueChanged.connect(self._moved)
        self.fill.toggled.connect(self._moved)
        self.preview.toggled.connect(self._on_preview)

    def _take(self) -> None:
        """Another map: its threshold is looked up when it is needed."""
        self._of, self._range = self.source, None
        self.value.setText("")
        self.facts.setText("")
        if self.preview.isChecked():
            self._ask_threshold(then=self._draw)

    def _on_replaced(self, opened: OpenMap) -> None:
        if opened is self._of:
            self._take()

    def _suggest(self) -> None:
        self._ask_threshold(then=self._moved)

    def _ask_threshold(self, then: Callable[[], object]) -> None:
        opened = self.source
        if opened is not None:
            work = partial(suggested_threshold, opened.density, self.low_pass.value())
            self.background.submit(work, partial(self._take_threshold, opened, then), self._fail)

    def _take_threshold(
        self, opened: OpenMap, then: Callable[[], object], found: tuple[float, float, float]
    ) -> None:
        if opened is not self.source:
            return
        threshold, low, high = found
        self._range = low, high
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(round((threshold - low) / (high - low) * _STEPS))
        self._say_threshold()
        then()

    def _moved(self, *_: object) -> None:
        """The user changed something: she wants to see it."""
        if self._range is None:
            self._ask_threshold(then=self._moved)
            return
        self._say_threshold()
        if not self.preview.isChecked():
            self.preview.setChecked(True)  # which draws
        else:
            self._draw()

    def _on_preview(self, on: bool) -> None:
        if not on:
            self.latest.forget()
            self.view.hide()
        elif self._range is None:
            self._ask_threshold(then=self._draw)
        else:
            self._draw()

    def _draw(self) -> None:
        opened = self.source
        if opened is not None and self.preview.isChecked():
            self.latest.ask(partial(outline, opened.density, self.wish()), self._show)

    def _show(self, found: Outline) -> None:
        if self.preview.isChecked():
            self.view.show(found)
            self.facts.setText(_words(found.volume_A3, found.part))

    def _say_threshold(self) -> None:
        self.value.setText(f"{self.wish().threshold:.3g}")

    def _arrived(self, source: OpenMap, content: Content) -> None:
        self.make.setEnabled(True)
        if source not in self.session.maps:
            return
        current = self.session.current
        name = f"mask of {source.name}"
        mask = self.session.add(name, content.density, content.contour)
        self.masks.add(mask)
        self.session.set_level(mask, content.level)
        self.session.show(mask, visible=False)
        self.session.choose(current)
        self.choice.choose_open("mask", mask)
        self.preview.setChecked(False)
        self.refresh()
        inside = float((content.density.data >= 0.5).mean())
        volume = inside * content.density.data.size * content.density.pixel_size_A**3
        words = _words(volume, inside)
        self.facts.setText(words)
        self.say(f"{mask.name}: {words} The FSC and the denoiser use it from now on.", "info")

    def _fail(self, error: CryoAIError) -> None:
        self.make.setEnabled(True)
        self.view.hide()
        self.facts.setText(f"{error.problem[:1].upper()}{error.problem[1:]}. {error.remedy}.")


def _made(opened: OpenMap, wish: MaskWish) -> Content:
    return Content.of(make_mask(opened.density, wish), 0.5)


def _words(volume_A3: float, part: float) -> str:
    text = f"It holds {volume_A3 / 1000:,.3g} nm³, {part:.1%} of the box."
    if part > 0.6:
        text += " That is most of the box: a higher threshold may be better."
    return text


def _length(tip: str, value: float, low: float, high: float, parent: QWidget) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setRange(low, high)
    box.setValue(value)
    box.setDecimals(1)
    box.setSuffix(" Å")
    box.setToolTip(tip)
    box.setAccessibleName(tip)
    box.setKeyboardTracking(False)
    box.setMinimumWidth(60)
    return box
