"""A button that puts the command line of a run into the clipboard."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton, QWidget

from napari_cryoai.core.errors import CryoAIError

TITLE, DONE = "Copy as command line", "Copied"


class CopyCommand(QPushButton):
    """Copies what a form would do.

    Parameters
    ----------
    command
        The command that does the same as the form; raises a `CryoAIError` if there is none.
    report
        Is told why there is none.
    """

    def __init__(
        self,
        command: Callable[[], str],
        report: Callable[[CryoAIError], object],
        parent: QWidget | None = None,
    ):
        super().__init__(TITLE, parent)
        self._command, self._report = command, report
        self.setToolTip("The same run, for a terminal or cluster")
        self.clicked.connect(self.copy)

    def copy(self, *_: object) -> None:
        """Put the command into the clipboard."""
        try:
            command = self._command()
        except CryoAIError as error:
            self._report(error)
            return
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(command)
        self.setText(DONE)

    def renew(self, *_: object) -> None:
        """What was copied is not what the form says any more."""
        self.setText(TITLE)
