"""Opens maps in threads, and asks for a voxel size where a file tells none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QInputDialog, QWidget

from napari_cryoai.core.contour import Contour, contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import read_map
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.parts import Banners
from napari_cryoai.ui.maps.session import MapSession

Looked = tuple[DensityMap, Contour]


class MapOpener:
    """Reads maps into a session."""

    def __init__(
        self,
        session: MapSession,
        background: Background,
        banners: Banners,
        parent: QWidget,
        done: Callable[[], object],
    ):
        self.session = session
        self.background = background
        self.banners = banners
        self.parent = parent
        self.waiting = 0
        self._done = done

    def open(self, paths: Iterable[str | Path], pixel_size_A: float | None = None) -> None:
        """Open files; each that cannot be read is reported."""
        for path in map(Path, paths):
            self.waiting += 1
            self.background.submit(
                partial(read_and_look, path, pixel_size_A),
                partial(self._show, path, pixel_size_A),
                partial(self._fail, path),
            )
        self._done()

    def open_samples(self) -> None:
        """Simulate a map and its half maps; these are not drawn until they are ticked."""
        self.waiting += 1
        self.background.submit(_simulate, self._show_samples, partial(self._fail, None))
        self._done()

    def _show(self, path: Path, pixel_size_A: float | None, looked: Looked) -> None:
        self.waiting -= 1
        self.session.add(path.name, *looked, path=path, given_pixel_size_A=pixel_size_A)
        self._done()

    def _show_samples(self, maps: dict[str, Looked]) -> None:
        self.waiting -= 1
        opened = [self.session.add(f"simulated {name}", *looked) for name, looked in maps.items()]
        for half in opened[1:]:
            self.session.show(half, visible=False)
        self.session.choose(opened[0])
        self._done()

    def _fail(self, path: Path | None, error: CryoAIError) -> None:
        self.waiting -= 1
        actions: dict[str, Callable[[], object]] = {}
        if path is not None and "voxel size" in error.problem:
            actions["Give the voxel size…"] = partial(self._ask_voxel_size, path)
        self.banners.show_message(str(error), "error", actions)
        self._done()

    def _ask_voxel_size(self, path: Path) -> None:
        size, said = QInputDialog.getDouble(
            self.parent, "Voxel size", f"Side of a voxel of {path.name}, in Å:", 1.0, 0.1, 50.0, 4
        )
        if said:
            self.open([path], float(size))


def read_and_look(path: Path, pixel_size_A: float | None = None) -> Looked:
    """Read a map and look at its values."""
    density = read_map(path, pixel_size_A)
    # Both are looked up later, in the main thread, which must not wait for them.
    _ = density.mean, density.sigma
    return density, contour_of(density)


def _simulate() -> dict[str, Looked]:
    from napari_cryoai.physics.simulators.demo_map import (
        demo_maps,  # it brings torch, which takes seconds
    )

    looked = {}
    for name, density in demo_maps().items():
        _ = density.mean, density.sigma
        looked[name] = (density, contour_of(density))
    return looked
