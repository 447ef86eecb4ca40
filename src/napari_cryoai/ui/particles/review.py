"""Particles under review: their order, which are rejected, and the picks they came from.

Knows neither Qt nor napari.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from scipy.spatial import cKDTree

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import PickTable, State
from napari_cryoai.io.names import match_to_names
from napari_cryoai.ui.micrographs.session import Session

Rows = NDArray[np.intp]
SortBy = Literal["file", "score", "defocus", "micrograph"]
Show = Literal["all", "kept", "rejected"]
NOT_LINKED = -1
_FALLBACK_RADIUS_PX = 8.0


class ParticleSet:
    """A stack, and a judgement on each of its particles.

    A particle that comes from a pick of the session is rejected where the pick is: the session's
    undo takes both back. Others are judged here.

    Parameters
    ----------
    ids
        What `linked_picks` says, if a thread has found it already.

    Signals
    -------
    judged()
        Particles were rejected or restored.
    """

    judged = Signal()

    def __init__(
        self,
        stack: ParticleStack,
        path: Path | None,
        session: Session,
        ids: NDArray[np.int64] | None = None,
    ):
        self.stack = stack
        self.path = path
        self.ids: NDArray[np.int64] = np.full(len(stack), NOT_LINKED, np.int64)
        self.rejected = np.zeros(len(stack), np.bool_)
        self._own = np.zeros(len(stack), np.bool_)
        self._before: list[NDArray[np.bool_]] = []
        self.link(session, linked_picks(stack, session) if ids is None else ids)

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def linked(self) -> NDArray[np.bool_]:
        """`(n,)` which particles are picks of the session."""
        return self.ids != NOT_LINKED

    @property
    def kept(self) -> int:
        """How many are not rejected: as many as `chosen` holds."""
        return int((~self.rejected).sum())

    def link(self, session: Session, ids: NDArray[np.int64]) -> None:
        """Take the picks of a session for the particles: see `linked_picks`."""
        self.session, self.ids = session, ids
        self._picks = session.document.picks.id
        self.refresh()

    @property
    def outdated(self) -> bool:
        """Whether there were other picks when the particles were linked to them."""
        return not np.array_equal(self.session.document.picks.id, self._picks)

    def refresh(self) -> None:
        """Look up anew what the session says of the picks."""
        picks = self.session.document.picks
        out = picks.id[picks.state == State.REJECTED]
        rejected = np.where(self.linked, np.isin(self.ids, out), self._own)
        if not np.array_equal(rejected, self.rejected):
            self.rejected = rejected
            self.judged.emit()

    def judge(self, rows: Rows, *, reject: bool) -> None:
        """Reject particles, or restore them; their picks too."""
        own = rows[~self.linked[rows]]
        if len(own):
            self._before.append(self._own.copy())
            self._own[own] = reject
        ids = self.ids[rows[self.linked[rows]]]
        if len(ids):
            self.session.set_state(ids, State.REJECTED if reject else State.KEPT)
        self.refresh()

    def undo(self) -> None:
        """Take back the last step: of the session if the particles are its picks."""
        if self.linked.any():
            self.session.undo()
        elif self._before:
            self._own = self._before.pop()
        self.refresh()

    def redo(self) -> None:
        """Repeat the session's step that was taken back last."""
        self.session.redo()
        self.refresh()

    def order(self, by: SortBy, *, descending: bool = False, show: Show = "all") -> Rows:
        """Rows in the order to show them; those without a value come last."""
        n = len(self.stack)
        keys = self._keys(by)
        unknown = np.isnan(keys)
        rank = np.where(unknown, 0, -keys if descending else keys)
        rows = np.lexsort((np.arange(n), rank, unknown))
        wanted = {"all": np.ones(n, np.bool_), "kept": ~self.rejected, "rejected": self.rejected}
        return rows[wanted[show][rows]]

    def chosen(self) -> ParticleStack:
        """The particles that are not rejected, in the order of the file."""
        return self.stack.select(~self.rejected)

    def describe(self, row: int) -> str:
        """A particle in words."""
        stack = self.stack
        words = [f"particle {row + 1}"]
        if stack.micrograph[row] >= 0:
            words.append(Path(stack.names[stack.micrograph[row]]).name)
        if np.isfinite(stack.score[row]):
            words.append(f"score {stack.score[row]:.3f}")
        if stack.ctf is not None:
            words.append(f"defocus {self._keys('defocus')[row] / 1e4:.2f} µm")
        words += ["not among the picks that are open"] * (not self.linked[row])
        words += ["rejected"] * bool(self.rejected[row])
        return "\n".join(words)

    def _keys(self, by: SortBy) -> NDArray[np.float64]:
        stack = self.stack
        if by == "score":
            return stack.score.astype(np.float64)
        if by == "defocus" and stack.ctf is not None:
            return (stack.ctf.defocus_u_A + stack.ctf.defocus_v_A) / 2
        if by == "micrograph":
            return np.where(stack.micrograph < 0, np.nan, stack.micrograph)
        return np.arange(len(stack), dtype=np.float64)


def linked_picks(stack: ParticleStack, session: Session) -> NDArray[np.int64]:
    """`(n,)` id of the pick that each particle was cut out at; `NOT_LINKED` where there is none.

    That is the nearest pick to the particle's centre, which a refinement may have moved, within a
    third of the diameter.
    """
    ids = np.full(len(stack), NOT_LINKED, np.int64)
    if not session.micrographs:
        return ids
    known = np.isfinite(stack.yx_px).all(1) & (stack.micrograph >= 0)
    by_micrograph = np.flatnonzero(known)[np.argsort(stack.micrograph[known], kind="stable")]
    starts = np.searchsorted(stack.micrograph[by_micrograph], np.arange(len(stack.names) + 1))
    ours = match_to_names(stack.names, list(session.micrographs))
    picks = session.document.picks
    for index, foreign in enumerate(stack.names):
        name = ours[foreign]
        if name not in session.micrographs:
            continue
        rows = by_micrograph[starts[index] : starts[index + 1]]
        own = picks.of(name)
        if len(rows) and len(own):
            ids[rows] = _nearest(_centres(stack, rows, session, name), own, session, name)
    return ids


def _centres(stack: ParticleStack, rows: Rows, session: Session, name: str) -> NDArray[np.float64]:
    pixel_A = session.micrographs[name].pixel_size_A
    moved = stack.shifts_yx_A[rows] / pixel_A if pixel_A else 0.0
    return np.asarray(stack.yx_px[rows] + moved)


def _nearest(
    yx_px: NDArray[np.float64], picks: PickTable, session: Session, name: str
) -> NDArray[np.int64]:
    diameter_px = session.diameter_px(name)
    if diameter_px is None and np.isfinite(picks.diameter_px).any():
        diameter_px = float(np.nanmax(picks.diameter_px))
    radius_px = diameter_px / 3 if diameter_px else _FALLBACK_RADIUS_PX
    distance, at = cKDTree(picks.yx_px).query(yx_px, distance_upper_bound=radius_px)
    found = np.full(len(yx_px), NOT_LINKED, np.int64)
    near = np.isfinite(distance)
    found[near] = picks.id[at[near]]
    return found
