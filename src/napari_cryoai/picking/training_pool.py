"""Training examples made beforehand: shards of arrays on disk, quick to read at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.atomic import replacing, write_text
from napari_cryoai.io.guards import read_text
from napari_cryoai.jobs.executor import Workers, map_ticking
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.picking.training_data import SIDE_PX, Example, make_example

MANIFEST = "pool.json"
VERSION = 1
SHARD = 100
"""Examples in a shard."""

Arrays = dict[str, NDArray[Any]]


class Pool:
    """The examples of a folder that `write_pool` fills; those that are there already.

    Parameters
    ----------
    folder
        Where the pool is.

    Raises
    ------
    CryoAIError
        If there is none.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.facts = _read_manifest(folder / MANIFEST)
        wanted = range(-(-int(self.facts["count"]) // SHARD))
        self._shards = [i for i in wanted if _labels_path(folder, i).is_file()]
        sizes = [len(_load(folder, i)[0]) for i in self._shards]
        self._starts = np.cumsum([0, *sizes])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, i: int) -> Example:
        if not 0 <= i < len(self):
            raise IndexError(f"the pool holds {len(self)} examples")
        at = int(np.searchsorted(self._starts, i, side="right")) - 1
        shard, row = self._shards[at], i - int(self._starts[at])
        white, labels = _load(self.folder, shard)
        part = slice(*labels["ends"][row : row + 2].tolist())
        image = white[row].astype(np.float32)
        junk = np.unpackbits(labels["junk"][row], count=image.size).view(np.bool_)
        return Example(
            image,
            labels["yx"][part].astype(np.float64),
            labels["size"][part],
            junk.reshape(image.shape),
        )


def write_pool(
    folder: Path,
    count: int,
    structures: Sequence[Path],
    seed: int = 0,
    workers: Workers = 1,
    side_px: int = SIDE_PX,
) -> Job[Pool]:
    """Fill a folder with examples; a run that was ended goes on, a finished pool can be enlarged.

    Parameters
    ----------
    structures
        See `make_example`.
    seed
        Example `i` depends on it and on `i` alone, whatever the number of workers.

    Yields
    ------
    Progress
        In examples.

    Raises
    ------
    CryoAIError
        If the folder holds another pool, or examples cannot be made.
    """
    facts = {
        "version": VERSION,
        "seed": seed,
        "side_px": side_px,
        "structures": hashlib.sha256("\n".join(p.name for p in structures).encode()).hexdigest(),
    }
    _claim(folder, facts, count)
    todo = [i for i in range(-(-count // SHARD)) if not _is_done(folder, i, count)]
    done = count - sum(_size(i, count) for i in todo)
    make = partial(_write_shard, folder, count, tuple(structures), seed, side_px)
    yield Progress(done, count)
    for outcome in map_ticking(make, todo, workers=workers):
        if outcome is None:
            yield Progress(done, count)
            continue
        if isinstance(outcome[1], CryoAIError):
            raise outcome[1]
        done += outcome[1]
        yield Progress(done, count, f"shard {todo[outcome[0]]}")
    return Pool(folder)


def example_seed(seed: int, i: int) -> int:
    """Seed of example `i` of a pool: pools of neighbouring seeds have none in common."""
    return int(np.random.SeedSequence((seed, i)).generate_state(1, np.uint64)[0])


def _write_shard(
    folder: Path, count: int, structures: Sequence[Path], seed: int, side_px: int, shard: int
) -> int:
    """Make and write one shard; returns how many examples it holds."""
    first, size = shard * SHARD, _size(shard, count)
    examples = [
        make_example(example_seed(seed, i), structures, side_px) for i in range(first, first + size)
    ]
    white = np.stack([example.white for example in examples]).astype(np.float16)
    labels = {
        "junk": np.stack([np.packbits(example.junk) for example in examples]),
        "ends": np.cumsum([0, *(len(example.yx) for example in examples)]),
        "yx": np.concatenate([example.yx for example in examples]).astype(np.float32),
        "size": np.concatenate([example.size for example in examples]),
    }
    with replacing(_white_path(folder, shard)) as part, part.open("wb") as file:
        np.save(file, white, allow_pickle=False)
    # The labels come last: where they are, the shard is whole.
    with replacing(_labels_path(folder, shard)) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **labels)
    return size


def _claim(folder: Path, facts: dict[str, Any], count: int) -> None:
    """Start a pool, or make sure that this is the one begun before; it may grow."""
    path = folder / MANIFEST
    if path.is_file():
        before = _read_manifest(path)
        if {key: before.get(key) for key in facts} != facts:
            raise CryoAIError(
                "another pool of examples is in this folder",
                path=folder,
                remedy="Take an empty folder, or the seed and structures of that pool",
            )
        count = max(count, int(before["count"]))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(facts | {"count": count}, indent=1) + "\n")


def _read_manifest(path: Path) -> dict[str, Any]:
    remedy = "Give the folder of a pool of training examples"
    try:
        facts = json.loads(read_text(path))
    except ValueError:
        raise CryoAIError("is no JSON", path=path, remedy=remedy) from None
    if not isinstance(facts, dict) or facts.get("version") != VERSION or "count" not in facts:
        raise CryoAIError("describes no pool that we know", path=path, remedy=remedy)
    return facts


def _is_done(folder: Path, shard: int, count: int) -> bool:
    """Whether a shard is there with as many examples as it should have."""
    if not _labels_path(folder, shard).is_file():
        return False
    return len(_load(folder, shard)[0]) >= _size(shard, count)


def _size(shard: int, count: int) -> int:
    return min(SHARD, count - shard * SHARD)


def _white_path(folder: Path, shard: int) -> Path:
    return folder / f"{shard:05d}.white.npy"


def _labels_path(folder: Path, shard: int) -> Path:
    return folder / f"{shard:05d}.labels.npz"


def _load(folder: Path, shard: int) -> tuple[NDArray[np.float16], Arrays]:
    labels = _labels_path(folder, shard)
    return _opened(_white_path(folder, shard), labels, labels.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _opened(white: Path, labels: Path, time_ns: int) -> tuple[NDArray[np.float16], Arrays]:
    """Images stay on disk until they are asked for; labels are small."""
    try:
        images = np.load(white, mmap_mode="r", allow_pickle=False)
        with np.load(labels, allow_pickle=False) as file:
            return images, {name: file[name] for name in ("junk", "ends", "yx", "size")}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CryoAIError(
            f"cannot be read ({error})", path=labels, remedy="Delete it and make the pool again"
        ) from None
