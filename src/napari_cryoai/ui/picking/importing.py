"""Reading picks of other programs, with a look at whether they lie the right way round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_cryoai.core import edits
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.geometry import Orientation
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.io.orientation import suggest_orientation
from napari_cryoai.io.picks import read_picks
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.parts import Banners, counted
from napari_cryoai.ui.micrographs.arrivals import replacing_micrographs
from napari_cryoai.ui.micrographs.session import Session

Use = Callable[[PickTable], object]


class Importer:
    """Brings picks from a file into the session, or in as a reference."""

    def __init__(self, session: Session, background: Background, banners: Banners):
        self.session = session
        self.background = background
        self.banners = banners

    def import_picks(self, *paths: Path) -> None:
        """Continue with the picks of files; they take the place of those on their micrographs."""
        self._read(paths, self.use_as_picks)

    def load_reference(self, use: Use, *paths: Path) -> None:
        """Compare with the picks of files."""
        self._read(paths, use)

    def use_as_picks(self, table: PickTable) -> None:
        """Put a table in place of the picks of the micrographs it names, as one step."""
        before = self.session.document.picks
        first_id = self.session.history.new_ids(len(table))
        after = replacing_micrographs(before, table, first_id)
        self.session.picked |= {name for name, n in table.counts().items() if n}
        self.session.do(edits.ReplacePicks(before, after), f"Import {len(table):,} picks")

    def _read(self, paths: Sequence[Path], use: Use) -> None:
        micrographs = list(self.session.micrographs.values())
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
        work = partial(read_all_matching, paths, micrographs)
        self.background.submit(work, partial(self._take, name, use))

    def _take(self, source: str, use: Use, table: PickTable) -> None:
        use(table)
        counts = table.counts()
        used = sum(1 for count in counts.values() if count)
        unknown = sum(1 for name, n in counts.items() if n and name not in self.session.micrographs)
        text = f"Read {len(table):,} picks of {counted(used, 'micrograph')} from {source}."
        if unknown:
            text += f" {unknown} of these micrographs are not open; their picks are kept unseen."
        self.banners.show_message(text, "warning" if unknown else "info")
        work = partial(suggestion, table, dict(self.session.micrographs), self.session.diameter_A)
        self.background.submit(work, partial(self._offer, use, table))

    def _offer(self, use: Use, table: PickTable, better: Orientation | None) -> None:
        if better is None:
            return
        turn = partial(oriented, table, self.session.micrographs, better)
        self.banners.show_message(
            f"These coordinates fit the image better with {better}: another program's y axis"
            " or layout, most likely.",
            "warning",
            {"Turn them": lambda: use(turn()), "Keep as read": lambda: None},
        )


def read_all_matching(paths: Sequence[Path], micrographs: list[Micrograph]) -> PickTable:
    """Read one file, or several with the picks of one micrograph each, as one table.

    Raises
    ------
    CryoAIError
        See `read_matching`; nothing is taken from the others then.
    """
    if len(paths) == 1:
        return read_matching(paths[0], micrographs)
    return concatenate(read_matching(path, micrographs) for path in paths)


def read_matching(path: Path, micrographs: list[Micrograph]) -> PickTable:
    """Read picks, and make sure that they concern the open micrographs.

    Raises
    ------
    CryoAIError
        If the file is broken, or names none of the micrographs.
    """
    table = read_picks(path, micrographs=micrographs)
    names = {m.name for m in micrographs}
    if len(table) and not any(n for name, n in table.counts().items() if name in names):
        theirs = next(name for name, n in table.counts().items() if n)
        raise CryoAIError(
            f"names none of the open micrographs (but {theirs}, for instance)",
            path=path,
            remedy="Open the folder of these micrographs first",
        )
    return table


def suggestion(
    table: PickTable, micrographs: dict[str, Micrograph], diameter_A: float | None
) -> Orientation | None:
    """The orientation that fits the fullest micrograph clearly better; None if as read is right."""
    counts = {name: n for name, n in table.counts().items() if n and name in micrographs}
    if not counts:
        return None
    name = max(counts, key=lambda key: counts[key])
    micrograph, picks = micrographs[name], table.of(name)
    known = picks.diameter_px[np.isfinite(picks.diameter_px)]
    if len(known):
        diameter_px = float(np.median(known))
    elif diameter_A and micrograph.pixel_size_A:
        diameter_px = diameter_A / micrograph.pixel_size_A
    else:
        diameter_px = max(micrograph.shape) / 30
    better = suggest_orientation(picks.yx_px, micrograph.read(), diameter_px)
    return None if better == Orientation() else better


def oriented(
    table: PickTable, micrographs: dict[str, Micrograph], orientation: Orientation
) -> PickTable:
    """The table with the coordinates of every open micrograph turned."""
    yx = table.yx_px.copy()
    for name in table.names:
        if name in micrographs:
            rows = table.rows_of(name)
            yx[rows] = orientation.apply(yx[rows], micrographs[name].shape)
    return replace(table, yx_px=yx)
