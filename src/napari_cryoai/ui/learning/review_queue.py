"""The picks that a look at tells most about, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_cryoai.core.picks import PickTable, Source, State
from napari_cryoai.ui.micrographs.session import Session

LENGTH = 50
"""Picks in a round; the surest ones are not worth a look."""

LEARN_EVERY = 10
"""Decisions after which it is worth to learn."""


@dataclass(frozen=True)
class Item:
    """A pick to decide about.

    Attributes
    ----------
    id
        Of its row.
    yx_px
        Its centre.
    score
        What the picker gave it when it came into the queue.
    diameter_px
        Of its circle; NaN if it has none.
    """

    id: int
    yx_px: tuple[float, float]
    score: float
    diameter_px: float


class ReviewQueue:
    """A round of decisions on one micrograph; each is an ordinary edit of the session.

    Signals
    -------
    changed()
        Another item is up, or one was decided.
    enough()
        `LEARN_EVERY` decisions more were made.
    """

    changed = Signal()
    enough = Signal()

    def __init__(self, session: Session):
        self.session = session
        self.name: str | None = None
        self.items: list[Item] = []
        self.at = 0
        self.since_learning = 0
        self._passed: set[tuple[float, float]] = set()
        session.picks_changed.connect(self._on_picks)

    # What there is ------------------------------------------------------------------------------

    @property
    def current(self) -> Item | None:
        """The item that is up; None at the end."""
        return self.items[self.at] if self.at < len(self.items) else None

    @property
    def decided(self) -> int:
        """How many items of this round the user has kept or rejected."""
        return sum(1 for item in self.items if self.decision(item) is not None)

    def decision(self, item: Item) -> State | None:
        """What the user said of an item; None if she has not, or it is gone."""
        picks = self.session.document.picks
        row = _row(picks, item.id)
        if row is None:
            return None
        if picks.state[row] == State.REJECTED:
            return State.REJECTED
        return State.KEPT if picks.source[row] == Source.MANUAL else None

    # A round ------------------------------------------------------------------------------------

    def begin(self, name: str, rows: NDArray[np.intp], picks: PickTable) -> None:
        """Review picks of a micrograph: these rows of its table, in this order."""
        self.name, self.at, self.since_learning = name, 0, 0
        self._passed.clear()
        self.items = _items(picks, rows[:LENGTH])
        self.changed.emit()

    def go_on(self, rows: NDArray[np.intp], picks: PickTable) -> None:
        """The picks were replaced: go on with new ones, and keep what is behind."""
        self._pass(self.items[: self.at])
        seen = np.array(sorted(self._passed)).reshape(-1, 2)
        behind = [item for item in self.items[: self.at] if self.decision(item) is not None]
        ahead = [item for item in _items(picks, rows) if not _near(seen, item)]
        self.items = behind + ahead[: max(0, LENGTH - len(behind))]
        self.at, self.since_learning = len(behind), 0
        self.changed.emit()

    def stop(self) -> None:
        """End the round."""
        self.name, self.items, self.at = None, [], 0
        self.changed.emit()

    # What the user does -------------------------------------------------------------------------

    def keep(self) -> None:
        """It is a particle."""
        self._decide(State.KEPT)

    def reject(self) -> None:
        """It is none."""
        self._decide(State.REJECTED)

    def skip(self) -> None:
        """Say nothing, and go on."""
        if self.current is not None:
            self.at += 1
            self.changed.emit()

    def back(self) -> None:
        """Look at the one before again."""
        if self.at > 0:
            self.at -= 1
            self.changed.emit()

    def undo(self) -> None:
        """Take back the last step of the history, and show what it was about."""
        before = {item.id: self.decision(item) for item in self.items}
        self.session.undo()
        undone = [i for i, item in enumerate(self.items) if self.decision(item) != before[item.id]]
        if undone:
            self.at = undone[-1]
            self._passed.discard(self.items[self.at].yx_px)
            self.since_learning = max(0, self.since_learning - 1)
        self.changed.emit()

    def go_to(self, index: int) -> None:
        """Take up another item."""
        if 0 <= index < len(self.items):
            self.at = index
            self.changed.emit()

    def _decide(self, state: State) -> None:
        item = self.current
        if item is None:
            return
        fresh = self.decision(item) is None
        ids = np.array([item.id])
        self.at += 1  # first: the edit lets everybody draw
        if state == State.KEPT:
            self.session.confirm(ids)
        else:
            self.session.set_state(ids, State.REJECTED)
        self.since_learning += fresh
        self.changed.emit()
        if fresh and self.since_learning >= LEARN_EVERY and self.since_learning % LEARN_EVERY == 0:
            self.enough.emit()

    def _on_picks(self, names: frozenset[str] | None) -> None:
        if self.name is not None and (names is None or self.name in names):
            self._forget_gone()

    def _pass(self, items: list[Item]) -> None:
        """Remember where these were: their rows may go when the picker has learned."""
        self._passed.update(item.yx_px for item in items)

    def _forget_gone(self) -> None:
        """Items whose rows are no longer there (a run of the picker) cannot be decided."""
        picks = self.session.document.picks
        there = [_row(picks, item.id) is not None for item in self.items]
        if not all(there):
            self._pass(self.items[: self.at])
            self.at = sum(there[: self.at])
            self.items = [item for item, stays in zip(self.items, there, strict=True) if stays]
        self.changed.emit()


def _items(picks: PickTable, rows: NDArray[np.intp]) -> list[Item]:
    return [
        Item(
            int(picks.id[row]),
            (float(picks.yx_px[row, 0]), float(picks.yx_px[row, 1])),
            float(picks.score[row]),
            float(picks.diameter_px[row]),
        )
        for row in rows.tolist()
    ]


def _row(picks: PickTable, pick_id: int) -> int | None:
    row = int(np.searchsorted(picks.id, pick_id))
    return row if row < len(picks) and picks.id[row] == pick_id else None


def _near(seen: NDArray[np.float64], item: Item) -> bool:
    """Whether an item was skipped or decided already, under another id."""
    if not len(seen):
        return False
    distance = np.hypot(*(seen - item.yx_px).T)
    return bool(distance.min() < np.nan_to_num(item.diameter_px, nan=30.0) / 3)
