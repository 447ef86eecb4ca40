"""A panel about a job on micrographs: on all of them, or on the one on screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_cryoai.io.micrographs import check_pixel_sizes
from napari_cryoai.ui.kit.form import as_command_line
from napari_cryoai.ui.kit.job_panel import JobPanel
from napari_cryoai.ui.kit.jobs import MakeJob
from napari_cryoai.ui.kit.layout import row
from napari_cryoai.ui.kit.parts import button
from napari_cryoai.ui.micrographs.session import Session


class MicrographJobPanel(JobPanel):
    """A job on all micrographs, or on the one on screen.

    Attributes
    ----------
    program, output
        The command that does the same, and the folder that it writes to.
    why_pixel_size
        What the pixel size is needed for.
    """

    program: str
    output: str
    why_pixel_size: str

    def __init__(
        self,
        verb: str,
        session: Session,
        say: Callable[..., object],
        parent: QWidget | None = None,
        **options: Any,
    ):
        super().__init__(verb, say, parent, **options)
        self.session = session
        self.start_here = button("This one", self.run_here, tip="Only the one on screen")
        self.starts = row((self.start, 1), self.start_here, spacing=4)

    def job_on(self, names: Sequence[str]) -> MakeJob:
        """The job on some of the micrographs.

        Raises
        ------
        CryoAIError
            If the form says something impossible.
        """
        raise NotImplementedError

    def make_job(self) -> MakeJob:
        """On all that are not excluded, beginning with what the user looks at."""
        names = [n for n in self.session.micrographs if n not in self.session.document.junk]
        if self.session.current in names:
            names.insert(0, names.pop(names.index(self.session.current)))
        return self.job_on(names)

    def run_here(self) -> None:
        """Start on the micrograph on screen alone."""
        name = self.session.current
        if name is not None:
            self.begin(lambda: self.job_on([name]))

    def command(self) -> str:
        """The command that does the same."""
        micrographs = list(self.session.micrographs.values())
        size = micrographs[0].pixel_size_A if micrographs else None
        words = [*(str(m.path) for m in micrographs), "--output", self.output]
        words += ["--pixel-size-A", f"{size:g}"] if size else []
        return as_command_line(self.program, self.params(), words)

    @property
    def busy(self) -> bool:
        """Whether it has to wait."""
        return self.runner.running

    def refresh(self, *_: object) -> None:
        """Say whether it can start, and if not, why not."""
        why = self.reason_against()
        for widget in (self.start, self.start_here):
            widget.setEnabled(why is None and not self.busy)
        self.copy.setEnabled(bool(self.session.micrographs))
        self.advice.setText(why or "")
        self.advice.setVisible(why is not None)

    def reason_against(self) -> str | None:
        """What is missing before the job can run."""
        if not self.session.micrographs:
            return "Open micrographs first."
        if check_pixel_sizes(list(self.session.micrographs.values())) is not None:
            return f"Give the pixel size first: {self.why_pixel_size}."
        return None
