"""Build a model into a map: which map, which sequences, how; the button, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QEvent, QSignalBlocker, Signal
from qtpy.QtWidgets import QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.engine_panel import EnginePanel
from napari_cryoai.ui.kit.form import as_command_line
from napari_cryoai.ui.kit.layout import column, form
from napari_cryoai.ui.kit.parts import button, drop_down
from napari_cryoai.ui.maps.session import MapSession, OpenMap
from napari_cryoai.ui.maps.sources import file_for_command
from napari_cryoai.ui.models.build_sequences import SequencesBox
from napari_cryoai.ui.models.build_work import Engine, Outcome, build_model, load_engine
from napari_cryoai.ui.models.session import Content

NO_MAP = "No map is open"


class BuildPanel(EnginePanel):
    """From a map and sequences to a model.

    Parameters
    ----------
    load
        Brings the engine; for a thread.

    Signals
    -------
    traced(content)
        What is to be seen before the model is there.
    built(outcome)
        An `Outcome`.
    ended()
        The job is over, one way or another.
    """

    traced = Signal(object)
    built = Signal(object)
    ended = Signal()
    first = ("resolution_A",)

    def __init__(
        self,
        maps: MapSession,
        background: Background,
        say: Callable[..., object],
        open_map: Callable[[], object],
        parent: QWidget | None = None,
        *,
        load: Callable[[], Engine] = load_engine,
    ):
        super().__init__("Build", background, say, load, parent)
        self.maps = maps
        self.map = drop_down("Map", self, 12)
        self.open_map = button("Open map…", open_map, icon="folder")
        self.sequences = SequencesBox(self)
        self._build()
        self._connect()
        self.refresh()

    @property
    def chosen(self) -> OpenMap | None:
        """The map to build into."""
        at = self.map.currentIndex()
        return self.maps.maps[at] if 0 <= at < len(self.maps.maps) else None

    def make_job(self) -> Callable[[], Job[Outcome]] | None:
        """Build into the chosen map."""
        chosen = self.chosen
        if chosen is None:
            return None
        params, polymers = self.params(), self.sequences.polymers()
        return partial(build_model, self.engine, params, chosen.density, polymers)

    def command(self) -> str:
        """The command that does the same.

        Raises
        ------
        CryoAIError
            If the map or the sequences are in no file.
        """
        chosen = self.chosen
        if chosen is None:
            raise CryoAIError("no map is open", remedy="Open one first")
        file = file_for_command(chosen.name, chosen.file, chosen.path)
        words = [file, "--output", "model"]
        if self.sequences.entries:
            if self.sequences.path is None:
                raise CryoAIError(
                    "the sequences are not in a file, which the command line needs",
                    remedy="Save them in a FASTA file, and open that",
                )
            words += ["--sequence", str(self.sequences.path)]
        copies = self.sequences.as_option()
        words += ["--copies", copies] if copies else []
        size = chosen.given_pixel_size_A
        words += ["--pixel-size-A", f"{size:g}"] if size else []
        return as_command_line("cryoai build", self.params(), words)

    def refresh(self, *_: object) -> None:
        """List the maps, and say whether it can start, and if not, why not."""
        maps = self.maps.maps
        wanted = self.maps.current if self.maps.current in maps else None
        names = [opened.name for opened in maps]
        if names != [self.map.itemText(i) for i in range(self.map.count())][: len(names)] or (
            self.map.count() != max(len(names), 1)
        ):
            with QSignalBlocker(self.map):
                self.map.clear()
                self.map.addItems(names or [NO_MAP])
                self.map.setCurrentIndex(maps.index(wanted) if wanted is not None else 0)
        there = bool(maps)
        self.map.setEnabled(there)
        self.open_map.setVisible(not there)
        self.start.setEnabled(there and not self.runner.running)
        self.copy.setEnabled(there and self.engine is not None)
        self.advice.setText("" if there else "Open the sharpened or denoised map to build into.")
        self.advice.setVisible(not there)

    # --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        above = (form(("Map", self.map)), self.advice, self.open_map, self.sequences)
        column(*above, self.forms, self.start, self.job, self.section, of=self, spacing=6)

    def _connect(self) -> None:
        for signal in (self.maps.added, self.maps.removed, self.maps.current_changed):
            signal.connect(self._on_maps)
        self.map.currentIndexChanged.connect(self.copy.renew)
        self.maps.replaced.connect(self._on_replaced)
        self.sequences.changed.connect(self.copy.renew)
        self.runner.progressed.connect(self._on_progress)
        self.runner.done.connect(self.built.emit)
        self.runner.ended.connect(self.ended.emit)

    def let_go(self) -> None:
        """The panel goes: end the job, and listen no more."""
        self.runner.cancel()
        for signal in (self.maps.added, self.maps.removed, self.maps.current_changed):
            signal.disconnect(self._on_maps, missing_ok=True)
        self.maps.replaced.disconnect(self._on_replaced, missing_ok=True)

    def _on_maps(self, *_: object) -> None:
        self.refresh()

    def _on_replaced(self, *_: object) -> None:
        self.copy.renew()

    def _on_progress(self, progress: Progress) -> None:
        if isinstance(progress.preview, Content):
            self.traced.emit(progress.preview)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.refresh()  # a Map panel that is closed tells nobody of its maps any more
        return super().event(event)
