"""Opening a set of micrographs, with the journal of what was done to it before."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.history import History
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.jobs.journal import Journal
from napari_cryoai.ui.kit.settings import journal_path, learned_path
from napari_cryoai.ui.micrographs.session import PickedBy, Session


@dataclass(frozen=True)
class Opened:
    """A set of micrographs, read by its headers, and what is known of an earlier session on it."""

    micrographs: list[Micrograph]
    errors: list[CryoAIError]
    place: Path
    journal: Journal | None = None
    history: History = field(default_factory=History)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def was_there_before(self) -> bool:
        """Whether the user did anything to this set before."""
        return self.history.undo_label is not None or len(self.history.document.picks) > 0


def open_set(paths: Sequence[str | Path]) -> Opened:
    """Read the headers of files and folders; for a thread, since a network disk may be slow.

    Raises
    ------
    CryoAIError
        If there is no micrograph at all.
    """
    micrographs, errors = open_micrographs(paths)
    if micrographs:
        place = journal_path({m.path.parent for m in micrographs})
        return Opened(micrographs, errors, place)
    if errors:
        raise errors[0]
    raise CryoAIError("there are no micrographs", remedy="Choose a folder of .mrc or .tif files")


def remember(opened: Opened) -> Opened:
    """Add what the journal says of an earlier session; for a thread too.

    Without a journal (a full disk, another window) the set still opens, and says so.
    """
    try:
        journal = Journal(opened.place)
    except CryoAIError as error:
        return replace(opened, errors=[*opened.errors, _not_saved(error)])
    found = journal.recovered
    notes, micrographs = dict(found.notes), opened.micrographs
    size = notes.get("pixel_size_A")
    if size is not None and _is_number(size):
        micrographs = [m.with_pixel_size(float(size)) for m in micrographs]
    return replace(
        opened,
        micrographs=micrographs,
        errors=[*opened.errors, *_damage(journal)],
        journal=journal,
        history=found.history,
        notes=notes,
    )


def begin(session: Session, opened: Opened) -> None:
    """Let the session work on an opened set, where the user left it."""
    diameter = opened.notes.get("diameter_A")
    session.diameter_A = float(diameter) if diameter and _is_number(diameter) else None
    session.picked_by = _picked_by(opened.notes.get("picked_by"))
    session.keep(None)
    session.open(opened.micrographs, opened.history)
    session.learn_ctf(ctf_from_notes(opened.notes.get("ctf")))
    session.keep(opened.journal)
    current = opened.notes.get("current")
    session.go_to(current if current in session.micrographs else opened.micrographs[0].name)


def ctf_as_notes(ctfs: Iterable[MicrographCtf]) -> list[dict[str, Any]]:
    """CTF values as JSON has them, without what nobody told."""
    return [{k: v for k, v in asdict(ctf).items() if v == v} for ctf in ctfs]


def ctf_from_notes(notes: Any) -> list[MicrographCtf]:
    """CTF values that were noted; what is damaged is left out, since it can be estimated again."""
    found = []
    for values in notes if isinstance(notes, list) else ():
        try:
            found.append(MicrographCtf(**values))
        except (TypeError, CryoAIError):
            continue
    return found


def put_aside(journal: Path) -> Path:
    """Rename a journal, so that the set starts afresh; nothing is deleted."""
    target = journal.with_name(f"{journal.stem}.{time.strftime('%Y%m%d-%H%M%S')}.old")
    if journal.exists():
        journal.replace(target)
    picker = learned_path(journal)
    if picker.exists():
        picker.replace(learned_path(target))
    return target


def _damage(journal: Journal) -> list[CryoAIError]:
    """What is to be said of a journal that could not be read to its end."""
    if journal.damaged_copy is None:
        return []
    lost = journal.recovered.lost_lines
    return [
        CryoAIError(
            f"the last {lost} changes of the saved session could not be read",
            path=journal.damaged_copy,
            remedy="What came before them is here; the damaged file is kept",
        )
    ]


def _not_saved(error: CryoAIError) -> CryoAIError:
    return CryoAIError(
        f"Your changes will not be saved: {error.problem}", path=error.path, remedy=error.remedy
    )


def _picked_by(notes: Any) -> PickedBy | None:
    """What was noted, unless it is damaged."""
    try:
        return PickedBy(**notes)
    except TypeError:
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
