"""The CTF job: micrographs to their defocus, and a picture of each fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.jobs.executor import Workers, map_ticking
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.particles.ctf_estimation import CtfFit, CtfParams, estimate_ctf
from napari_cryoai.particles.ctf_picture import ctf_picture


@dataclass(frozen=True, eq=False)
class FoundCtf:
    """What was found on one micrograph; the preview of the job's progress.

    Attributes
    ----------
    ctf
        Its values.
    picture
        Bytes of a PNG file; empty in what an earlier run found, and in the result of the job.
    """

    ctf: MicrographCtf
    picture: bytes = b""


@dataclass(frozen=True, eq=False)
class CtfResult:
    """What the job found.

    Attributes
    ----------
    ctfs
        In the order in which the micrographs were given.
    problems
        Why micrographs are missing.
    """

    ctfs: list[MicrographCtf]
    problems: list[CryoAIError]


class Store:
    """Where results of single micrographs outlive the job; this one keeps nothing."""

    def load(self, name: str) -> FoundCtf | None:
        """What an earlier run found, if it was the same job."""
        return None

    def save(self, found: FoundCtf) -> None:
        """Keep what was found."""


def estimate_ctfs(
    params: CtfParams,
    micrographs: Sequence[Micrograph],
    *,
    store: Store | None = None,
    workers: Workers = 1,
    scheduler: str | None = None,
) -> Job[CtfResult]:
    """Estimate the CTF of each micrograph.

    Parameters
    ----------
    store
        Keeps the results of single micrographs, and knows those of a run that was cut short.
    workers, scheduler
        See `jobs.executor.map_items`.

    Yields
    ------
    progress
        One step per micrograph, with a `FoundCtf` as its preview or the problem it had.

    Returns
    -------
    result
        A `CtfResult`.

    Raises
    ------
    CryoAIError
        If not one CTF can be estimated.
    """
    store = store or Store()
    total = len(micrographs)
    yield Progress(0, total, "Preparing")
    found: dict[str, MicrographCtf] = {}
    problems: list[CryoAIError] = []
    for micrograph, outcome in _outcomes(params, micrographs, store, workers, scheduler):
        done = len(found) + len(problems)
        if isinstance(outcome, CryoAIError):
            problems.append(outcome)
            yield Progress(done + 1, total, f"{micrograph.name} failed", problem=outcome)
        elif outcome is not None:
            found[micrograph.name] = outcome.ctf
            yield Progress(done + 1, total, micrograph.name, outcome)
        else:
            yield Progress(done, total)
    if not found:
        raise problems[0] if problems else _nothing_to_do()
    return CtfResult([found[m.name] for m in micrographs if m.name in found], problems)


def ctf_of(micrograph: Micrograph, params: CtfParams) -> FoundCtf:
    """Estimate the CTF of one micrograph, and draw it."""
    pixel_size_A = micrograph.require_pixel_size()
    try:
        fit = estimate_ctf(micrograph.read(), pixel_size_A, params)
    except CryoAIError as error:
        if error.path is None:
            raise CryoAIError(error.problem, path=micrograph.path, remedy=error.remedy) from None
        raise
    return FoundCtf(row_of(micrograph.name, fit, pixel_size_A), ctf_picture(fit, micrograph.name))


def row_of(name: str, fit: CtfFit, pixel_size_A: float) -> MicrographCtf:
    """A fit as files have it."""
    return MicrographCtf(
        name,
        fit.defocus_u_A,
        fit.defocus_v_A,
        fit.defocus_angle_deg,
        fit.optics.voltage_kV,
        fit.optics.cs_mm,
        fit.optics.amplitude_contrast,
        pixel_size_A,
        fit.phase_shift_deg,
        fit.score,
        fit.fit_resolution_A,
    )


def _outcomes(
    params: CtfParams,
    micrographs: Sequence[Micrograph],
    store: Store,
    workers: Workers,
    scheduler: str | None,
) -> Iterator[tuple[Micrograph, FoundCtf | CryoAIError | None]]:
    """What an earlier run left, then what is found now; None now and then while waiting."""
    missing = []
    for micrograph in micrographs:
        kept = store.load(micrograph.name)
        if kept is None:
            missing.append(micrograph)
        else:
            yield micrograph, kept
    find = partial(ctf_of, params=params)
    for outcome in map_ticking(find, missing, workers=workers, scheduler=scheduler):
        if outcome is None:
            yield micrographs[0], None
            continue
        index, found = outcome
        if isinstance(found, FoundCtf):
            store.save(found)
        yield missing[index], found


def _nothing_to_do() -> CryoAIError:
    return CryoAIError("there are no micrographs to estimate the CTF of", remedy="Open some first")
