"""The *Particles* panel: look through particle images, throw out the bad, save the good."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.particle_stacks import read_particles, write_particles
from napari_cryoai.ui.kit.dock import DockPanel
from napari_cryoai.ui.kit.keys import shortcut
from napari_cryoai.ui.kit.layout import column
from napari_cryoai.ui.kit.links import Links
from napari_cryoai.ui.kit.parts import counted, hint
from napari_cryoai.ui.micrographs.panels import companions_of, join, panel_of, part, session_of
from napari_cryoai.ui.micrographs.session import Session
from napari_cryoai.ui.particles.bars import ParticleFoot, ParticleHead
from napari_cryoai.ui.particles.dock import set_particle_panel
from napari_cryoai.ui.particles.grid import ParticleGrid
from napari_cryoai.ui.particles.pages import PageReader
from napari_cryoai.ui.particles.review import ParticleSet, Rows, linked_picks

WHAT_NEXT = "Open a particles.star or .cs file, or press Extract in the CTF and extraction panel."
_CLOSE = 120
_TRIES, _RETRY_MS = 100, 50


class ParticlePanel(DockPanel):
    """Pages of particle images, all with one contrast."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None):
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = session_of(napari_viewer)
        self.links = Links()
        self.particles: ParticleSet | None = None
        self._build()
        self._connect()
        self._follow()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        set_particle_panel(self.viewer, self)
        join(self.viewer, self)
        self._refresh()

    # What others may ask ------------------------------------------------------------------------

    def ask_open(self) -> None:
        """Choose particles."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Open particles", "", "Particles (*.star *.cs);;All files (*)"
        )
        if path:
            self.open(Path(path))

    def drop(self, paths: list[str]) -> None:
        self.open(Path(paths[0]))

    def open(self, path: Path) -> None:
        """Open the particles of a file."""
        self.head.title.setText(f"Reading {path.name}…")
        self.background.submit(
            partial(read_particles, path),
            lambda stack: self.show_stack(stack, path),
            self._unreadable,
        )

    def show_stack(self, stack: ParticleStack, path: Path | None = None) -> None:
        """Look at particles."""
        self.particles = None
        self.head.title.setText("Reading…")
        self.pages.open(stack, path, self.session, self._begin)

    def save(self, path: Path) -> None:
        """Write the particles that are not rejected, in a thread."""
        if self.particles is None:
            return
        work = partial(_write_checked, self.particles.chosen(), path, self.particles.kept)
        self.background.submit(work, self.banners.show_message)

    def ask_save(self) -> None:
        """Choose where to write the kept particles."""
        if self.particles is None:
            return
        folder = self.particles.path.parent if self.particles.path else Path()
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the kept particles", str(folder / "particles_kept.star")
        )
        if path:
            self.save(Path(path))

    def locate(self, row: int) -> None:
        """Show a particle on its micrograph."""
        if self.particles is None:
            return
        stack, picks = self.particles.stack, self.session.document.picks
        pick = int(self.particles.ids[row])
        at = np.flatnonzero(picks.id == pick)
        if not len(at):
            self.viewer.status = "Its micrograph is not open, or has no pick there"
            return
        name = picks.names[picks.micrograph[at[0]]]
        self.session.go_to(name)
        pixel_A = self.session.micrographs[name].pixel_size_A or 1.0
        self.viewer.scene.camera.center = (0, *(picks.yx_px[at[0]] * pixel_A))
        self.viewer.scene.camera.zoom = max(
            self.viewer.scene.camera.zoom, _CLOSE / (stack.box_size_px * stack.pixel_size_A[row])
        )
        self._mark(pick, _TRIES)

    def _mark(self, pick: int, tries: int) -> None:
        """Select a pick in the layer, as soon as its micrograph is on screen."""
        owners = [panel_of(self.viewer)]
        owners += [getattr(c, "canvas", None) for c in companions_of(self.viewer)]
        layers = next((owner.layers for owner in owners if owner is not None), None)
        if layers is not None and layers.up_to_date:
            layers.select(np.array([pick]))
        elif layers is not None and tries and not self._closed:
            QTimer.singleShot(_RETRY_MS, lambda: self._mark(pick, tries - 1))

    def undo(self) -> None:
        """Take back the last step."""
        if self.particles is not None:
            self.particles.undo()

    def redo(self) -> None:
        """Repeat it."""
        if self.particles is not None:
            self.particles.redo()

    def on_panel(self) -> None:
        """The session may be another one."""
        if session_of(self.viewer) is not self.session:
            self.links.cut()
            self.session = session_of(self.viewer)
            self._follow()
            self._relink()

    # Layout -------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.grid = ParticleGrid(self)
        self.pages = PageReader(self.grid, self.background, self._unreadable)
        self.head = ParticleHead(self.ask_open, self.grid.wanted_side, self)
        self.foot = ParticleFoot(self.ask_save, self)
        self.empty = hint(WHAT_NEXT, self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body = ((self.empty, 1), (self.grid, 1))
        layout = column(self.head, self.banners, *body, self.foot, of=self, spacing=5)
        layout.setContentsMargins(6, 4, 6, 6)

    def _connect(self) -> None:
        head, foot, grid = self.head, self.foot, self.grid
        grid.judged.connect(self._judge)
        grid.located.connect(self.locate)
        grid.page_changed.connect(self._refresh_page)
        head.sort.currentIndexChanged.connect(self._reorder)
        head.show_.currentIndexChanged.connect(self._reorder)
        head.down.toggled.connect(self._reorder)
        head.size_.valueChanged.connect(grid.set_side)
        head.filtered.toggled.connect(self.pages.set_filtered)
        foot.back.clicked.connect(lambda: grid.turn_to(grid.page - 1))
        foot.on.clicked.connect(lambda: grid.turn_to(grid.page + 1))
        foot.undo.clicked.connect(self.undo)
        foot.redo.clicked.connect(self.redo)
        shortcut(self, "Ctrl+Z", self.undo)
        shortcut(self, "Ctrl+Shift+Z", self.redo)
        self._relink_later = QTimer(self, interval=50, singleShot=True)
        self._relink_later.timeout.connect(self._relink)

    def _follow(self) -> None:
        """Hear what happens to the picks."""
        self.links.connect(self.session.picks_changed, self._on_picks)
        self.links.connect(self.session.opened, self._soon)
        self.links.connect(self.session.pixel_size_changed, self._soon)

    def _soon(self) -> None:
        self._relink_later.start()

    # Files --------------------------------------------------------------------------------------

    def _unreadable(self, error: CryoAIError) -> None:
        self._refresh()
        self.report(error)

    def _begin(self, particles: ParticleSet) -> None:
        self.particles = particles
        particles.judged.connect(self._on_judged)
        particles.refresh()
        self.grid.set_particles(particles, self._order())
        self._refresh()
        if particles.session is not self.session or particles.outdated:
            self._relink()

    # Judging ------------------------------------------------------------------------------------

    def _judge(self, rows: Rows, reject: bool) -> None:
        if self.particles is not None:
            self.particles.judge(rows, reject=reject)

    def _on_judged(self) -> None:
        self.grid.update()
        self._refresh_count()

    def _on_picks(self, _names: object) -> None:
        if self.particles is not None:
            self.particles.refresh()
            if self.particles.outdated:
                self._soon()
        self._refresh_count()

    def _relink(self) -> None:
        particles = self.particles
        if particles is not None:
            work = partial(linked_picks, particles.stack, self.session)
            self.background.submit(work, partial(self._linked, particles, self.session))

    def _linked(self, particles: ParticleSet, session: Session, ids: Any) -> None:
        if particles is self.particles and session is self.session:
            particles.link(session, ids)
            self._refresh()

    def _order(self) -> Rows:
        assert self.particles is not None  # noqa: S101 - callers have checked
        return self.particles.order(
            self.head.sort.currentData(),
            descending=self.head.down.isChecked(),
            show=self.head.show_.currentData(),
        )

    def _reorder(self, *_: object) -> None:
        if self.particles is not None:
            self.grid.set_rows(self._order())

    # What the labels say ------------------------------------------------------------------------

    def _refresh(self) -> None:
        particles = self.particles
        there = particles is not None
        self.empty.setVisible(not there)
        self.grid.setVisible(there)
        for widget in self.head.controls:
            widget.setEnabled(there)
        if particles is None:
            self.head.title.setText("No particles yet")
        else:
            stack = particles.stack
            name = particles.path.name if particles.path else "particles"
            self.head.title.setText(
                f"{name}: {counted(len(stack), 'particle')}, {stack.box_size_px} px"
            )
            self.head.title.setToolTip(self._about(particles))
        self._refresh_count()
        self._refresh_page()

    def _about(self, particles: ParticleSet) -> str:
        linked = int(particles.linked.sum())
        words = [str(particles.path or "")]
        words.append(
            f"{linked:,} are picks of the open micrographs: rejecting one rejects its pick too"
            if linked
            else "Its micrographs are not open: rejecting changes no picks"
        )
        return "\n".join(words)

    def _refresh_count(self) -> None:
        particles = self.particles
        text = ""
        if particles is not None:
            text = f"<b>{particles.kept:,}</b> of {len(particles):,} kept"
        self.foot.count.setText(text)
        self.foot.save.setEnabled(particles is not None and particles.kept > 0)
        self.foot.undo.setEnabled(particles is not None)
        self.foot.redo.setEnabled(particles is not None)
        self.foot.name_steps(self.session.history.undo_label, self.session.history.redo_label)

    def _refresh_page(self) -> None:
        grid, foot = self.grid, self.foot
        foot.page.setText(f"Page {grid.page + 1} of {grid.pages}" if self.particles else "")
        foot.back.setEnabled(grid.page > 0)
        foot.on.setEnabled(grid.page < grid.pages - 1)

    def release(self) -> None:
        """Stop listening."""
        self.links.cut()
        part(self.viewer, self)
        set_particle_panel(self.viewer, None)


def _write_checked(stack: ParticleStack, path: Path, expected: int) -> str:
    """Write particles; the count on the screen is the count in the file."""
    if len(stack) != expected:
        raise CryoAIError(
            f"{expected} particles are kept but {len(stack)} would be written",
            path=path,
            remedy="Save again",
        )
    write_particles(stack, path)
    return f"Wrote {counted(len(stack), 'particle')} to {path}"
