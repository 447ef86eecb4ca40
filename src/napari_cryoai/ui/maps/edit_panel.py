"""Edits of maps: sharpen, flip the hand, crop and pad; undo; and save."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.isosurface import Mesh
from napari_cryoai.io.maps import PLAIN_SUFFIXES, write_map
from napari_cryoai.maps.edit import Box, box_around, centred_box, flip_hand, in_box
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.layout import column, grid, row
from napari_cryoai.ui.kit.parts import Kind, button, hint
from napari_cryoai.ui.maps.history import Content
from napari_cryoai.ui.maps.latest import Latest
from napari_cryoai.ui.maps.session import MapSession, OpenMap
from napari_cryoai.ui.maps.sharpen import Prepared, prepare, preview, sharpened
from napari_cryoai.ui.maps.sources import HalfMapChoice

B_RANGE_A2 = (-400, 300)
MARGIN_A = 8.0
Change = Callable[[OpenMap], Content]


class EditPanel(QWidget):
    """Changes the current map, or all open maps on its grid.

    Attributes
    ----------
    draw
        Called with a map and a coarse surface of it while the sharpening slider moves.
    """

    def __init__(
        self,
        session: MapSession,
        choice: HalfMapChoice,
        background: Background,
        say: Callable[[str, Kind], object],
        parent: QWidget | None = None,
    ):
        super().__init__(parent)
        self.session, self.choice, self.background, self.say = session, choice, background, say
        self.draw: Callable[[OpenMap, Mesh], object] = lambda _opened, _mesh: None
        self.busy = False
        self._sharp: WeakKeyDictionary[DensityMap, tuple[Content, float]] = WeakKeyDictionary()
        self._prepared: tuple[DensityMap, Prepared] | None = None
        self.latest = Latest(background, lambda error: say(str(error), "error"))
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.b_factor = QDoubleSpinBox(self)
        self.flip = button(
            "Flip hand", self.flip_hand, icon="mirror",
            tip="The mirror image, about the plane through the centre of the box",
        )  # fmt: skip
        self.to_mask = button(
            "Crop to mask", self.crop_to_mask, icon="crop",
            tip=f"A cube around the chosen mask, with {MARGIN_A:g} Å to spare",
        )  # fmt: skip
        self.side = QSpinBox(self)
        self.to_box = button(
            "Set box", self.set_box, tip="Crop or pad to a cube of this side, about the same centre"
        )
        self.all = QCheckBox("All open maps on the same grid", self)
        self.undo = button("Undo", self.take_back, icon="undo")
        self.redo = button("Redo", self.repeat, icon="redo")
        self.save = button(
            "Save map…", self.ask_save, icon="save", primary=True,
            tip="MRC, 32-bit, with its voxel size and origin",
        )  # fmt: skip
        self.note = hint("", self)
        self._build()
        self._connect()
        self.refresh()

    # What the user does -------------------------------------------------------------------------

    def flip_hand(self) -> None:
        """Mirror the map."""
        self._edit("Flip hand", lambda opened: _changed(opened, flip_hand, flip_hand))

    def crop_to_mask(self) -> None:
        """Cut to the cube around the mask that is chosen."""
        mask, opened = self.choice.mask, self.session.current
        if mask is None or opened is None:
            return

        def change(of: OpenMap) -> Content:
            outline = mask.read()
            check_same_grid(opened.density, outline, what="map and its mask")
            return _boxed(of, box_around(outline, margin_A=MARGIN_A))

        self._edit("Crop to mask", change)

    def set_box(self) -> None:
        """Crop or pad to a cube."""
        side = self.side.value()
        self._edit(f"Box of {side}", lambda o: _boxed(o, centred_box(o.density.shape, side)))

    def take_back(self) -> str | None:
        """Undo the last edit."""
        return self.session.history.undo()

    def repeat(self) -> str | None:
        """Redo it."""
        return self.session.history.redo()

    def ask_save(self) -> None:
        """Choose where to write the current map."""
        opened = self.session.current
        if opened is None:
            return
        stem = opened.path.name if opened.path is not None else f"{opened.name}.mrc"
        kinds = f"Maps ({' '.join('*' + suffix for suffix in PLAIN_SUFFIXES)})"
        path, _ = QFileDialog.getSaveFileName(self, "Save map", stem.replace(" ", "_"), kinds)
        if path:
            self.write(Path(path))

    def write(self, path: Path) -> None:
        """Write the current map as it is now, in a thread."""
        opened = self.session.current
        if opened is not None:
            work = partial(_write, path, opened.density)
            self.background.submit(work, partial(self._written, opened, opened.density))

    def refresh(self, *_: object) -> None:
        """Show what the session says."""
        opened, history = self.session.current, self.session.history
        self.setEnabled(opened is not None)
        for step, label, verb in (
            (self.undo, history.undo_label, "Undo"),
            (self.redo, history.redo_label, "Redo"),
        ):
            step.setEnabled(label is not None and not self.busy)
            step.setToolTip(f"{verb}: {label}" if label else f"Nothing to {verb.lower()}")
        for one in (self.flip, self.to_box):
            one.setEnabled(not self.busy)
        self.to_mask.setEnabled(not self.busy and self.choice.mask is not None)
        if opened is None:
            return
        b_factor = self._base(opened)[1]
        with QSignalBlocker(self.slider), QSignalBlocker(self.b_factor), QSignalBlocker(self.side):
            self.slider.setValue(round(b_factor))
            self.b_factor.setValue(b_factor)
            self.side.setValue(max(opened.density.shape))

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.slider.setRange(*B_RANGE_A2)
        self.slider.setPageStep(25)
        self.slider.setAccessibleName("B factor")
        self.b_factor.setRange(*B_RANGE_A2)
        self.b_factor.setDecimals(0)
        self.b_factor.setSuffix(" Å²")
        self.b_factor.setSingleStep(10)
        self.b_factor.setKeyboardTracking(False)
        tip = "Multiplies the transform by exp(-B g²/4): negative sharpens, positive smooths"
        self.slider.setToolTip(tip)
        self.b_factor.setToolTip(tip)
        self.side.setRange(4, 2048)
        self.side.setAccessibleName("Side of the box")
        fields = grid(
            ("Sharpen", self.slider, self.b_factor),
            ("Box (voxels)", self.side, self.to_box),
            stretch=(1,),
            spacing=6,
        )
        cut = row((self.flip, 1), (self.to_mask, 1), spacing=4)
        steps = row((self.undo, 1), (self.redo, 1), (self.save, 2), spacing=4)
        column(fields, cut, self.all, steps, self.note, of=self, spacing=6)

    def _connect(self) -> None:
        session = self.session
        for signal in (
            session.current_changed, session.replaced, session.removed, session.history.changed,
            self.choice.changed,
        ):  # fmt: skip
            signal.connect(self.refresh)
        self.slider.valueChanged.connect(self._slide)
        self.slider.sliderReleased.connect(self._let_go)
        self.b_factor.valueChanged.connect(self._type)

    # Sharpening ---------------------------------------------------------------------------------

    def _base(self, opened: OpenMap) -> tuple[Content, float]:
        """The map without our own sharpening, and how much of that there is."""
        return self._sharp.get(opened.density, (opened.content, 0.0))

    def _slide(self, value: int) -> None:
        opened = self.session.current
        if opened is None:
            return
        with QSignalBlocker(self.b_factor):
            self.b_factor.setValue(value)
        base, _ = self._base(opened)
        self.latest.ask(
            partial(self._preview, base, float(value)), lambda mesh: self._draw(opened, mesh)
        )
        if not self.slider.isSliderDown():  # moved by a key, or a click beside the handle
            self._let_go()

    def _type(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(value))
        self._let_go()

    def _let_go(self) -> None:
        """Every voxel."""
        opened, value = self.session.current, float(self.b_factor.value())
        if opened is None:
            return
        base, now = self._base(opened)
        if value == now:
            return
        work = partial(sharpened, base, value) if value else lambda: base
        self.latest.ask(work, partial(self._sharpened, opened, base, value))

    def _preview(self, base: Content, b_factor_A2: float) -> Mesh:
        """In a thread."""
        kept = self._prepared
        if kept is None or kept[0] is not base.density:
            kept = self._prepared = base.density, prepare(base)
        return preview(kept[1], b_factor_A2)

    def _draw(self, opened: OpenMap, mesh: Mesh) -> None:
        if opened in self.session.maps and opened.visible:
            self.draw(opened, mesh)

    def _sharpened(self, opened: OpenMap, base: Content, value: float, content: Content) -> None:
        if opened not in self.session.maps:
            return
        if value:
            self._sharp[content.density] = base, value
        self.session.history.do(f"Sharpen, B = {value:g} Å²", {opened: content})

    # Hand and box -------------------------------------------------------------------------------

    def _edit(self, label: str, change: Change) -> None:
        """Change the current map, or all on its grid, in a thread, as one step."""
        opened = self.session.current
        if opened is None or self.busy:
            return
        chosen = self._alike(opened) if self.all.isChecked() else [opened]
        self._set_busy(True)
        self.background.submit(
            partial(_all_changed, chosen, change), partial(self._edited, label), self._fail
        )

    def _alike(self, opened: OpenMap) -> list[OpenMap]:
        return [other for other in self.session.maps if _same_grid(other, opened)]

    def _edited(self, label: str, contents: Mapping[OpenMap, Content]) -> None:
        self._set_busy(False)
        there = {o: content for o, content in contents.items() if o in self.session.maps}
        if there:
            self.session.history.do(label, there)

    def _fail(self, error: CryoAIError) -> None:
        self._set_busy(False)
        self.say(str(error), "error")

    def _set_busy(self, on: bool) -> None:
        self.busy = on
        self.note.setText("Working…" if on else "")
        self.refresh()

    def _written(self, opened: OpenMap, density: DensityMap, path: Path) -> None:
        opened.written(path, density)
        self.say(f"Wrote {opened.name} to {path}", "info")


def _all_changed(chosen: Sequence[OpenMap], change: Change) -> dict[OpenMap, Content]:
    return {opened: change(opened) for opened in chosen}


def _changed(
    opened: OpenMap,
    change: Callable[[DensityMap], DensityMap],
    colours: Callable[[DensityMap], DensityMap] = lambda density: density,
) -> Content:
    colourings = {n: c.with_density(colours) for n, c in opened.colourings.items()}
    return Content.of(change(opened.density), opened.level, colourings=colourings)


def _boxed(opened: OpenMap, box: Box) -> Content:
    fill = opened.contour.background
    return _changed(opened, lambda density: in_box(density, box, fill=fill))


def _same_grid(one: OpenMap, other: OpenMap) -> bool:
    try:
        check_same_grid(one.density, other.density)
    except CryoAIError:
        return False
    return True


def _write(path: Path, density: DensityMap) -> Path:
    if path.suffix.lower() not in PLAIN_SUFFIXES:
        path = path.with_name(f"{path.name}.mrc")
    write_map(path, density)
    return path
