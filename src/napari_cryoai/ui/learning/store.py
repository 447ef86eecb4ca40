"""Pickers and what they see of micrographs, kept while they may be wanted again.

Nothing here is imported with torch before a thread asks for it: that takes two seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.picking.detectors import shipped_weights

if TYPE_CHECKING:
    from napari_cryoai.picking.learned import Picker
    from napari_cryoai.picking.sight import View

MOST_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Known:
    """A picker in memory.

    Attributes
    ----------
    picker
        It.
    trunk
        Which network's features it judges by: the digest of the first picker that had them. Pickers
        of one trunk share what they see.
    corrections
        How many it has learned from.
    """

    picker: Picker
    trunk: str
    corrections: int = 0


@dataclass(frozen=True, eq=False)
class Standing:
    """Which pickers are in use; None stands for the one that the set was picked with.

    Attributes
    ----------
    root
        What the next refit starts from: "Improve more" moves it.
    now
        The picker that has learned most.
    """

    root: Known | None = None
    now: Known | None = None


class Pickers:
    """The picker that a set was picked with, and what has become of it.

    Parameters
    ----------
    weights
        None for those that come with the program.
    device
        See `jobs.devices.choose_device`.
    saved
        What an earlier session has learned.
    """

    def __init__(
        self, weights: Path | None = None, device: str = "auto", saved: Path | None = None
    ):
        self.weights = weights
        self.device = device
        self.saved = saved
        self.standing = Standing()
        self._base: Known | None = None
        self._lock = Lock()

    @property
    def has_learned(self) -> bool:
        """Whether there is more than the picker of the beginning."""
        return self.standing.now is not None or self.saved is not None

    def base(self) -> Known:
        """The picker of the beginning; for a thread.

        Raises
        ------
        CryoAIError
            If its weights cannot be read.
        """
        with self._lock:
            if self._base is None:
                self._base = _known(self.weights or shipped_weights(), self.device)
            return self._base

    def latest(self) -> Standing:
        """Root and newest picker; for a thread.

        Raises
        ------
        CryoAIError
            If weights cannot be read.
        """
        base = self.base()
        with self._lock:
            if self.saved is not None and self.standing.now is None:
                self.standing = _standing(base, _known(self.saved, self.device))
                self.saved = None
            root, now = self.standing.root or base, self.standing.now or base
            return Standing(root, now)

    def use(self, standing: Standing) -> None:
        """Go on with these."""
        with self._lock:
            self.standing, self.saved = standing, None


def _known(path: Path, device: str) -> Known:
    from napari_cryoai.jobs.devices import choose_device
    from napari_cryoai.picking.learned import load_picker

    picker = load_picker(path, choose_device(device))
    return Known(picker, picker.digest)


def _standing(base: Known, saved: Known) -> Standing:
    """A refit of a saved picker starts from the base if the two see alike."""
    from napari_cryoai.picking.sight import same_trunk

    if same_trunk(base.picker.network, saved.picker.network):
        return Standing(None, Known(saved.picker, base.trunk))
    return Standing(saved, saved)


Key = tuple[Path, str, float | None, str, float]
"""What a view depends on: file, name, pixel size, trunk of the picker, diameter."""


class Views:
    """What pickers see of micrographs: the ones used last, as many as fit.

    Each is known by all that it depends on. A thread that began before another set was opened, or
    another pixel size given, may still add one; it is not taken for one of what is open now.
    """

    def __init__(self, most_bytes: int = MOST_BYTES):
        self._most_bytes = most_bytes
        self._views: OrderedDict[Key, View] = OrderedDict()
        self._lock, self._looking = Lock(), Lock()

    def see(
        self, micrograph: Micrograph, known: Known, diameter_A: float, *, passing: bool = False
    ) -> View:
        """Let a picker look at a micrograph, unless it has done so; for a thread.

        Parameters
        ----------
        passing
            One of many in a row: it is kept only if there is room. Else a set that is larger than
            what fits would drive out each view just before it is wanted again.

        Raises
        ------
        CryoAIError
            If the micrograph cannot be read.
        """
        from napari_cryoai.picking.sight import see

        key = _key(micrograph, known, diameter_A)
        with self._looking:  # one at a time: each takes all cores, and none is looked at twice
            found = self._get(key)
            if found is None:
                found = see(micrograph, known.picker, diameter_A)
                self._put(key, found, passing=passing)
            return found

    def clear(self) -> None:
        """Forget all, as when the pixel size changes."""
        with self._lock:
            self._views.clear()

    def _get(self, key: Key) -> View | None:
        with self._lock:
            if key in self._views:
                self._views.move_to_end(key)
            return self._views.get(key)

    def _put(self, key: Key, view: View, *, passing: bool) -> None:
        with self._lock:
            self._views[key] = view
            while len(self._views) > 1 and self._bytes() > self._most_bytes:
                outdated = (k for k in self._views if _seeing(k) != _seeing(key))
                self._views.pop(next(outdated, key if passing else next(iter(self._views))))

    def _bytes(self) -> int:
        return sum(v.features.nbytes + 5 * v.field.heat.nbytes for v in self._views.values())


def _key(micrograph: Micrograph, known: Known, diameter_A: float) -> Key:
    return micrograph.path, micrograph.name, micrograph.pixel_size_A, known.trunk, diameter_A


def _seeing(key: Key) -> tuple[str, float]:
    """Trunk and diameter: views of others are the first that are not wanted any more."""
    return key[-2:]
