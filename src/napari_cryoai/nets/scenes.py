"""Scenes to learn from: simulated once from structures, kept in a folder, a file for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from zipfile import BadZipFile

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing
from napari_cryoai.jobs.batch import Store, over_items
from napari_cryoai.jobs.executor import Workers
from napari_cryoai.jobs.progress import Job

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SceneT = TypeVar("SceneT", bound="DataclassInstance")
ExampleT = TypeVar("ExampleT", covariant=True)

MakeScene = Callable[[tuple[int, int], Sequence[Path]], SceneT]
"""Draws a scene; the same seed and structures give the same."""


class Pool(Protocol[ExampleT]):
    """Examples to learn from, by their number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> ExampleT: ...


class Scenes(Generic[SceneT]):
    """The scenes of a folder; those that are there already.

    Parameters
    ----------
    folder
        That a `SceneStore` fills.
    kind
        The dataclass of arrays that each of them is.

    Raises
    ------
    CryoAIError
        If there are none.
    """

    def __init__(self, folder: Path, kind: type[SceneT]):
        self.kind = kind
        self.paths = sorted(folder.glob("scene-*.npz"))
        if not self.paths:
            raise CryoAIError("holds no scenes to train on", path=folder, remedy="Make them anew")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> SceneT:
        path = self.paths[i]
        try:
            with np.load(path, allow_pickle=False) as file:
                return self.kind(**{f.name: file[f.name] for f in fields(self.kind)})
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise CryoAIError(
                f"cannot be read ({error})", path=path, remedy="Delete it and make the scenes again"
            ) from None


@dataclass(frozen=True)
class SceneStore(Generic[SceneT]):
    """Scenes of one kind in folders.

    Attributes
    ----------
    kind
        The dataclass of arrays that a scene is.
    make
        A function of a module, since it is sent to other processes.
    """

    kind: type[SceneT]
    make: MakeScene[SceneT]

    def open(self, folder: Path) -> Scenes[SceneT]:
        """The scenes that are there; see `Scenes` for what can go wrong."""
        return Scenes(folder, self.kind)

    def write(
        self, folder: Path, count: int, structures: Sequence[Path], seed: int, workers: Workers = 1
    ) -> Job[Scenes[SceneT]]:
        """Fill a folder; a run that was ended goes on, and more can be added.

        Yields
        ------
        progress
            In scenes; one that cannot be made is told, and left out.

        Raises
        ------
        CryoAIError
            The first problem, if not one scene can be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"scene-{i:05d}.npz" for i in range(count)]
        write = partial(_write, folder, self.make, tuple(structures), seed)
        kept = _Files(folder)
        yield from over_items(write, list(enumerate(names)), names, store=kept, workers=workers)
        return self.open(folder)


class _Files(Store[Path]):
    """Scenes that an earlier run left; new ones are written where they are made."""

    def __init__(self, folder: Path):
        self._folder = folder

    def load(self, name: str) -> Path | None:
        path = self._folder / name
        return path if path.is_file() else None


def _write(
    folder: Path, make: MakeScene[Any], structures: Sequence[Path], seed: int, item: tuple[int, str]
) -> Path:
    number, name = item
    scene = make((seed, number), structures)
    with replacing(folder / name) as part, part.open("wb") as file:
        np.savez(
            file, allow_pickle=False, **{f.name: getattr(scene, f.name) for f in fields(scene)}
        )
    return folder / name
