"""What a map is: box, voxel size, place, values."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_cryoai.ui.maps.session import MapSession, OpenMap

_TIMES = " \N{MULTIPLICATION SIGN} "


class MapFacts(QWidget):
    """Figures of the current map."""

    def __init__(self, session: MapSession, parent: QWidget | None = None):
        super().__init__(parent)
        self.session = session
        self.labels: dict[str, QLabel] = {}
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        for name in ("Box", "Voxel size", "First voxel at", "Values", "Mean and sigma", "File"):
            label = QLabel(self)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setTextFormat(Qt.TextFormat.PlainText)
            self.labels[name] = label
            form.addRow(name, label)
        session.current_changed.connect(self.refresh)
        session.replaced.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Another map."""
        opened = self.session.current
        for name, text in (facts_of(opened) if opened is not None else {}).items():
            self.labels[name].setText(text)


def facts_of(opened: OpenMap) -> dict[str, str]:
    """Figures in the order and the axis order (x, y, z) in which the field gives them."""
    density = opened.density
    box = _TIMES.join(str(n) for n in reversed(density.shape))
    sides = _TIMES.join(f"{side:.0f}" for side in reversed(density.extent_A))
    edges = opened.contour.edges
    return {
        "Box": f"{box} voxels, {sides} Å",
        "Voxel size": f"{density.pixel_size_A:g} Å",
        "First voxel at": ", ".join(f"{o:.6g}" for o in reversed(density.origin_A)) + " Å",
        "Values": f"{edges[0]:.4g} to {edges[-1]:.4g}",
        "Mean and sigma": f"{density.mean:.4g} and {density.sigma:.4g}",
        "File": str(opened.path) if opened.path is not None else "not from a file",
    }
