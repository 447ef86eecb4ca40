"""What a training keeps while it runs, so that one that is killed can go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from napari_cryoai.io.atomic import replacing
from napari_cryoai.nets.run import CHECKPOINT_S, DAMAGE, unusable

State = dict[str, Any]
"""Tensors, numbers, texts, and lists and dictionaries of them."""
Read = TypeVar("Read")


class Checkpoint:
    """The states of the parts of a training, in one file.

    Parameters
    ----------
    path
        Of the file; None: nothing is kept.
    identity
        All that the training depends on: one with another is not gone on with.
    """

    def __init__(self, path: Path | None = None, identity: str = ""):
        self._path, self._identity = path, identity
        self._states: dict[str, State] = {}
        self._written = time.monotonic()

    def resume(self) -> None:
        """Take up what an earlier run has kept, if it has kept anything.

        Raises
        ------
        CryoAIError
            If the file is damaged, or of a training with other options or particles.
        """
        if self._path is None or not self._path.exists():
            return
        try:
            # The engines move their tensors to where they compute.
            found = torch.load(self._path, map_location="cpu", weights_only=True)
            same, states = found["identity"] == self._identity, dict(found["states"])
        except DAMAGE as error:
            raise self._damaged() from error
        if not same:
            raise unusable("was made by a training with other options or particles", self._path)
        self._states = states

    def state(self, name: str, read: Callable[[State], Read]) -> Read | None:
        """What `read` makes of the state of a part; None if that part has not begun.

        Raises
        ------
        CryoAIError
            If `read` cannot make anything of it.
        """
        if name not in self._states:
            return None
        try:
            return read(self._states[name])
        except DAMAGE as error:
            raise self._damaged() from error

    def keep(self, name: str, state: Callable[[], State]) -> None:
        """Replace the state of a part; all states are written every two minutes."""
        if self._path is None:
            return
        self._states[name] = state()
        if time.monotonic() - self._written >= CHECKPOINT_S:
            with replacing(self._path) as part:
                torch.save({"identity": self._identity, "states": self._states}, part)
            self._written = time.monotonic()

    def remove(self) -> None:
        """The training is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _damaged(self) -> Exception:
        assert self._path is not None  # noqa: S101 - states come from a file
        return unusable("is no whole checkpoint of a training", self._path)
