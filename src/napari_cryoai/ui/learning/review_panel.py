"""The review strip below the micrograph: one key decides about one pick."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QCheckBox, QLabel, QWidget

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable
from napari_cryoai.ui.kit.layout import column, row
from napari_cryoai.ui.kit.parts import button, hint
from napari_cryoai.ui.learning.review_film import ReviewFilm
from napari_cryoai.ui.learning.review_queue import LEARN_EVERY, ReviewQueue
from napari_cryoai.ui.learning.run import LearnRun
from napari_cryoai.ui.learning.store import Pickers, Views
from napari_cryoai.ui.micrographs.images import View, make_view
from napari_cryoai.ui.micrographs.navigator import Navigator


def doubtful(
    pickers: Pickers, views: Views, micrograph: Micrograph, diameter_A: float, picks: PickTable
) -> NDArray[np.intp]:
    """Rows of a micrograph's picks, the least certain first; for a thread."""
    from napari_cryoai.picking.review import review_order

    known = pickers.latest().now
    assert known is not None  # noqa: S101 - `latest` fills it in
    return review_order(views.see(micrograph, known, diameter_A), picks, known.picker)


class ReviewPanel(QWidget):
    """Crops of the least certain picks of the micrograph on screen.

    Signals
    -------
    closed()
        The user is done.
    located(pick_id)
        She wants to see a pick where it is.
    """

    closed = Signal()
    located = Signal(int)

    def __init__(self, run: LearnRun, navigator: Navigator, parent: QWidget | None = None):
        super().__init__(parent)
        self.run = run
        self.session = run.session
        self.navigator = navigator
        self.queue = ReviewQueue(self.session)
        self.film = ReviewFilm(self.queue, self)
        self.progress = QLabel(self)
        self.keys = hint("K keep    X reject    Space skip    ← back    Z undo", self)
        self.keys.setWordWrap(False)
        self.as_i_go = QCheckBox("Learn as I review", self)
        self.as_i_go.setToolTip(f"Learn after every {LEARN_EVERY} decisions, while you go on")
        self.as_i_go.setChecked(True)
        self.learn = button("Learn now", self._learn, tip="From all corrections so far")
        self.next = button("Next micrograph", self._next, icon="right")
        self.close_ = button("Done", self.closed.emit)
        self._asked = 0
        self._build()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(150)
        self.queue.changed.connect(self.refresh)
        self.queue.enough.connect(self._on_enough)
        self.film.chosen.connect(self._on_chosen)
        run.replaced.connect(self._on_replaced)
        self.session.current_changed.connect(self._on_current)
        self.as_i_go.toggled.connect(lambda _on: self.refresh())
        self.refresh()

    # A round ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Review the micrograph on screen."""
        name = self.session.current
        if name is None or not self.run.ready:
            return
        self.queue.stop()
        self.progress.setText("Looking at the micrograph…")
        view = self.navigator.cache.get(name, filtered=True)
        micrograph = self.session.micrographs[name]
        if view is None:
            self.run.background.submit(partial(make_view, micrograph, filtered=True), self._take)
        else:
            self._take(view)
        self._order(again=False)
        self.setFocus()

    def refresh(self) -> None:
        """Say how far the user is."""
        queue, count = self.queue, len(self.queue.items)
        over = count > 0 and queue.current is None
        if count:
            at = min(queue.at + 1, count)
            words = f"<b>{at}</b> of {count} · {queue.decided} decided"
            self.progress.setText("All done here" if over else words)
        self.next.setVisible(over)
        self.learn.setVisible(queue.since_learning > 0 and (over or not self.as_i_go.isChecked()))
        self.learn.setEnabled(not self.run.runner.running)

    def _take(self, view: View) -> None:
        if view.name == self.session.current:
            self.film.set_micrograph(view, self.session.diameter_px(view.name) or 40.0)

    def _order(self, *, again: bool) -> None:
        name, diameter_A, run = self.session.current, self.session.diameter_A, self.run
        if name is None or diameter_A is None:
            return
        self._asked += 1
        number = self._asked
        rows = self.session.document.picks.rows_of(name)
        among = self.session.document.picks.select(rows[self.session.candidates[rows]]).of(name)
        micrograph = self.session.micrographs[name]
        work = partial(doubtful, run.pickers, run.views, micrograph, diameter_A, among)
        run.background.submit(
            lambda: work() if number == self._asked else None,  # the user is elsewhere by now
            partial(self._arrived, number, name, among, again),
            self._failed,
        )

    def _arrived(
        self, number: int, name: str, picks: PickTable, again: bool, rows: NDArray[np.intp] | None
    ) -> None:
        if rows is None or number != self._asked or name != self.session.current:
            return
        if again and self.queue.name == name:
            self.queue.go_on(rows, picks)
        else:
            self.queue.begin(name, rows, picks)
        if not self.queue.items:
            self.progress.setText("Nothing here to review: there are no picks to decide about")

    def _failed(self, error: CryoAIError) -> None:
        self.progress.setText("")
        self.run.background.failed.emit(error)

    # Hearing of things --------------------------------------------------------------------------

    def _on_enough(self) -> None:
        if self.as_i_go.isChecked():
            self._learn()

    def _learn(self) -> None:
        if self.run.start():
            self.queue.since_learning = 0
        self.refresh()
        self.setFocus()

    def _on_replaced(self, name: str) -> None:
        if self.queue.name == name == self.session.current:
            self._order(again=True)

    def _on_current(self, _name: str) -> None:
        if self.isVisible():
            self.begin()

    def _on_chosen(self, index: int) -> None:
        self.queue.go_to(index)
        item = self.queue.current
        if item is not None:
            self.located.emit(item.id)
        self.setFocus()

    def _next(self) -> None:
        if not self.session.step(1):
            self.progress.setText("This is the last micrograph")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        acts = {
            Qt.Key.Key_K: self.queue.keep, Qt.Key.Key_X: self.queue.reject,
            Qt.Key.Key_Delete: self.queue.reject, Qt.Key.Key_Space: self.queue.skip,
            Qt.Key.Key_Right: self.queue.skip, Qt.Key.Key_Left: self.queue.back,
            Qt.Key.Key_Z: self.queue.undo, Qt.Key.Key_Escape: self.closed.emit,
        }  # fmt: skip
        act: Any = acts.get(Qt.Key(event.key()))
        if act is None:
            super().keyPressEvent(event)
        else:
            act()
            event.accept()

    def _build(self) -> None:
        buttons = (self.as_i_go, self.learn, self.next, self.close_)
        for widget in buttons:
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys decide, wherever one clicked
        below = row(self.progress, self.keys, 1, *buttons, spacing=14)
        column((self.film, 1), below, of=self, spacing=4).setContentsMargins(8, 6, 8, 6)
