"""Derive the tables of `building/atoms/tables/geometry.npz` from a folder of structures.

    python benchmarks/geometry_tables.py STRUCTURES [--output FILE]

Of the training part of the folder (`split_structures`) alone; the validation and the test part are
never looked at. What is derived: ideal bonds, angles and torsions of side chains; the distribution
of phi and psi in five classes of residues, and the contours that hold given shares of it; rotamers,
how common they are at given phi and psi; where a peptide's plane lies about the line between two
CA, given the CA before and after.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.rama_classes import CLASSES, rama_classes
from napari_cryoai.building.atoms.residue_atoms import (
    ResidueAtoms,
    backbone_torsions,
    residue_atoms,
    side_chain_torsions,
)
from napari_cryoai.building.atoms.topology import (
    CA,
    KINDS,
    PRO,
    PRO_CD,
    SLOTS,
    SYMMETRIC,
    C,
    N,
    O,
    kind,
)
from napari_cryoai.core.angles import angle, dihedral
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.physics.simulators.structure_split import split_structures

Floats = NDArray[np.float64]

OUTPUT = Path(__file__).parents[1] / "src/napari_cryoai/building/atoms/tables/geometry.npz"
SHARP_B_A2 = 40.0
"""Residues whose CA has a higher B-factor are not counted: they are often wrong."""
CELLS = 72
"""Of the phi and the psi axis: 5 degrees each."""
SHARES = {"favoured": 0.98, "general": 0.9995, "others": 0.998}
"""Of residues inside the contours (Lovell et al. 2003, Proteins 50, 437)."""
LEAST_FAVOURED = 0.95
"""A structure with a smaller share of its residues in the favoured regions is not counted."""
FLAT_CHI = {"ASN": 1, "ASP": 1, "GLN": 2, "GLU": 2, "HIS": 1, "PHE": 1, "TYR": 1, "TRP": 1}
"""Torsions (from 0) about a bond to a flat group: they have no three staggered wells."""
RAREST = 0.002
ROTAMER_CELLS = 12
ROTAMER_OUTLIERS = 0.003
"""Share of side chains that are called outliers, in the structures the tables come from."""


@click.command()
@click.argument("structures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", default=OUTPUT, type=click.Path(path_type=Path))
def main(structures: Path, output: Path) -> None:
    train, _, _ = split_structures(structures_in(structures))
    read = [residue_atoms_with_b(path) for path in train]
    kept = list(_good(read))
    tables = ideal_tables(kept) | rama_tables(kept) | rotamer_tables(kept) | peptide_tables(kept)
    output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output, **tables)
    print(f"{len(kept)} of {len(train)} structures, {sum(map(len, kept))} residues")
    for name, table in tables.items():
        print(f"{name:24s} {table.dtype} {table.shape}")
    print(f"{output}: {output.stat().st_size / 1024:.0f} kB")


def residue_atoms_with_b(path: Path) -> tuple[ResidueAtoms, Floats]:
    structure = read_structure(path)
    residues = residue_atoms(structure)
    return residues, structure.b_factors_A2[residues.rows[:, CA]]


def _good(read: list[tuple[ResidueAtoms, Floats]]) -> Iterator[ResidueAtoms]:
    """Without blurred residues, and without structures that have many rare torsions."""
    sharp = [_masked(residues, b) for residues, b in read]
    tables = rama_tables(sharp)
    for residues in sharp:
        phi_psi = backbone_torsions(residues)[:, :2]
        known = np.isfinite(phi_psi).all(1)
        if known.sum() < 30:
            continue
        classes = rama_classes(residues)[known]
        cells = _cells(phi_psi[known], CELLS)
        values = tables["rama"][classes, cells[:, 0], cells[:, 1]]
        if (values >= tables["rama_contours"][classes, 0]).mean() >= LEAST_FAVOURED:
            yield residues


def _masked(residues: ResidueAtoms, b: Floats) -> ResidueAtoms:
    xyz = residues.xyz_A.copy()
    xyz[(b > SHARP_B_A2) | (b <= 0)] = np.nan
    return ResidueAtoms(xyz, *(getattr(residues, f) for f in _REST))


_REST = ("kinds", "bound", "rows", "chains", "numbers")


def ideal_tables(sets: list[ResidueAtoms]) -> dict[str, NDArray]:
    """Medians of bonds [A], angles and torsions [rad].

    `ideal` (kinds, SLOTS, 3): bond, angle, torsion or offset from chi of each atom of a side chain;
    `bonds` (kinds, 15), `angles` (kinds, 21), `volumes` (kinds, 7): of the bonds, angles and
    centres of `topology.Kind`; `links` (3, 5): C-N, CA-C-N, O-C-N, C-N-CA, C-N-CD of the peptide
    bond before any residue, before proline, before proline in cis.
    """
    ideal = np.full((len(KINDS), SLOTS, 3), np.nan)
    xyz = np.concatenate([r.xyz_A for r in sets])
    chi = np.concatenate([side_chain_torsions(r) for r in sets])
    kinds = np.concatenate([r.kinds for r in sets])
    for number in range(len(KINDS) - 1):
        of_kind = kinds == number
        for hang in kind(number).hangs:
            a, b, c = (xyz[of_kind, slot] for slot in hang.parents)
            d = xyz[of_kind, hang.slot]
            turn = dihedral(a, b, c, d)
            if hang.chi >= 0:
                turn = turn - chi[of_kind, hang.chi]
            values = np.linalg.norm(d - c, axis=1), angle(b, c, d), turn
            ideal[number, hang.slot, :2] = [np.nanmedian(v) for v in values[:2]]
            ideal[number, hang.slot, 2] = _flattened(_mode_angle(values[2]))
    ideal[-1] = ideal[0]
    bonds, angles, volumes = (np.full((len(KINDS), count), np.nan) for count in (15, 21, 7))
    for number in range(len(KINDS) - 1):
        mine = xyz[kinds == number]
        for i, (a, b) in enumerate(kind(number).bonds):
            bonds[number, i] = np.nanmedian(np.linalg.norm(mine[:, a] - mine[:, b], axis=1))
        for i, three in enumerate(kind(number).angles):
            angles[number, i] = np.nanmedian(angle(*(mine[:, slot] for slot in three)))
        for i, (middle, *others) in enumerate(kind(number).centres):
            spokes = [mine[:, slot] - mine[:, middle] for slot in others]
            volume = (np.cross(spokes[0], spokes[1]) * spokes[2]).sum(1)
            volumes[number, i] = _near_zero(float(np.nanmedian(volume)))
    for table in (bonds, angles, volumes):
        table[-1] = table[0]
    links = {"links": _links(sets)}
    tables = {"ideal": ideal, "bonds": bonds, "angles": angles, "volumes": volumes} | links
    return {name: table.astype(np.float32) for name, table in tables.items()}


def _near_zero(volume: float) -> float:
    """A volume [A^3] that a flat group has is none."""
    return 0.0 if abs(volume) < 0.2 else volume


def _links(sets: list[ResidueAtoms]) -> Floats:
    bound = [np.flatnonzero(r.bound) for r in sets]
    here = np.concatenate([r.xyz_A[at] for r, at in zip(sets, bound, strict=True)])
    last = np.concatenate([r.xyz_A[at - 1] for r, at in zip(sets, bound, strict=True)])
    is_proline = np.concatenate([r.kinds[at] for r, at in zip(sets, bound, strict=True)]) == PRO
    c, n = last[:, C], here[:, N]
    columns = np.stack(
        [
            np.linalg.norm(n - c, axis=1),
            angle(last[:, CA], c, n),
            angle(last[:, O], c, n),
            angle(c, n, here[:, CA]),
            np.where(is_proline, angle(c, n, here[:, PRO_CD]), np.nan),
        ],
        1,
    )
    is_cis = np.linalg.norm(here[:, CA] - last[:, CA], axis=1) < 3.3
    classes = (~is_proline & ~is_cis, is_proline & ~is_cis, is_proline & is_cis)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no angle at CD but that of proline
        return np.array([np.nanmedian(columns[mask], axis=0) for mask in classes])


def _mode_angle(angles: Floats) -> float:
    """Direction of the most common angle: rings have two of them, mirror images at times."""
    angles = angles[np.isfinite(angles)]
    rough = np.angle(np.exp(1j * angles).mean())
    near = np.abs(np.angle(np.exp(1j * (angles - rough)))) < 0.5
    return float(np.angle(np.exp(1j * angles[near]).mean())) if near.any() else float(rough)


def _flattened(turn: float) -> float:
    """A torsion within 3 degrees of flat is flat."""
    for flat in (0.0, np.pi, -np.pi):
        if abs(turn - flat) < np.radians(3):
            return flat
    return turn


def rama_tables(sets: list[ResidueAtoms]) -> dict[str, NDArray]:
    """`rama` (classes, CELLS, CELLS): log of density over its mean; `rama_contours`: of it."""
    phi_psi = np.concatenate([backbone_torsions(r)[:, :2] for r in sets])
    classes = np.concatenate([rama_classes(r) for r in sets])
    known = np.isfinite(phi_psi).all(1)
    rama, contours = [], []
    for number, name in enumerate(CLASSES):
        points = phi_psi[known & (classes == number)]
        density = _adaptive_density(points, CELLS)
        values = np.log(np.maximum(density * CELLS**2, 1e-4))
        cells = _cells(points, CELLS)
        at = np.sort(values[cells[:, 0], cells[:, 1]])
        outer = SHARES["general" if name == "general" else "others"]
        contours.append([at[int((1 - share) * len(at))] for share in (SHARES["favoured"], outer)])
        rama.append(values)
    return {
        "rama": np.array(rama, np.float32),
        "rama_contours": np.array(contours, np.float32),
    }


def _adaptive_density(points: Floats, cells: int) -> Floats:
    """Density of angles `(n, 2)` on a periodic grid, smoothed the more the fewer there are.

    Two passes, as in Lovell et al. 2003: the first tells how dense it is where a point lies, which
    tells how far the point is spread in the second.
    """
    at = _cells(points, cells)
    pilot = _smoothed(_histogram(at, cells), 10.0)
    here = pilot[at[:, 0], at[:, 1]]
    widths = np.clip(9.0 * (here / np.exp(np.log(here).mean())) ** -0.25, 5.0, 18.0)
    levels = np.geomspace(5.0, 18.0, 8)
    nearest = np.abs(np.log(widths[:, None] / levels)).argmin(1)
    parts = [
        _smoothed(_histogram(at[nearest == i], cells), float(level))
        for i, level in enumerate(levels)
    ]
    total = np.sum(parts, axis=0)
    return np.maximum(total, 0) / total.sum()


def _cells(angles: Floats, cells: int) -> NDArray[np.intp]:
    return np.floor(np.mod(angles + np.pi, 2 * np.pi) / (2 * np.pi) * cells).astype(np.intp) % cells


def _histogram(at: NDArray[np.intp], cells: int) -> Floats:
    flat = np.bincount(at[:, 0] * cells + at[:, 1], minlength=cells * cells)
    return flat.reshape(cells, cells).astype(float)


def _smoothed(table: Floats, degrees: float, axes: tuple[int, ...] = (0, 1)) -> Floats:
    """Convolution with a Gaussian along periodic axes of a full turn."""
    for axis in axes:
        n = table.shape[axis]
        g = np.fft.rfftfreq(n, 1 / n)
        fall = np.exp(-0.5 * (g * np.radians(degrees)) ** 2)
        shape = [1] * table.ndim
        shape[axis] = len(g)
        spectrum = np.fft.rfft(table, axis=axis) * fall.reshape(shape)
        table = np.fft.irfft(spectrum, n, axis=axis)
    return np.maximum(table, 0)


def rotamer_tables(sets: list[ResidueAtoms]) -> dict[str, NDArray]:
    """Rotamers of all kinds, one row each.

    `rotamer_kind` (m,); `rotamer_chi`, `rotamer_sd` (m, 4) in radians, NaN where there is no chi;
    `rotamer_log` (m, 12, 12): log of the share at phi and psi; `rotamer_contour` (kinds,): log
    density that all but 0.3 % of side chains exceed.
    """
    chi = np.concatenate([side_chain_torsions(r) for r in sets])
    phi_psi = np.concatenate([backbone_torsions(r)[:, :2] for r in sets])
    kinds = np.concatenate([r.kinds for r in sets])
    rows: dict[str, list] = {"kind": [], "chi": [], "sd": [], "log": []}
    contour = np.full(len(KINDS), -np.inf)
    for number in range(len(KINDS)):
        n_chi = len(kind(number).chi_atoms)
        if not n_chi:
            continue
        ok = (kinds == number) & np.isfinite(chi[:, :n_chi]).all(1) & np.isfinite(phi_psi).all(1)
        wells = _wells(KINDS[number], chi[ok, :n_chi])
        _, owner, counts = np.unique(wells, return_inverse=True, return_counts=True)
        common = np.flatnonzero(counts / ok.sum() >= RAREST)
        shares = _shares_on_grid(owner, common, phi_psi[ok])
        for place, well in enumerate(common):
            mine = chi[ok, :n_chi][owner == well]
            mean, sd = _circular(mine, KINDS[number])
            rows["kind"].append(number)
            rows["chi"].append(_padded(mean))
            rows["sd"].append(_padded(sd))
            rows["log"].append(np.log(shares[place]))
        mine = [i for i, k in enumerate(rows["kind"]) if k == number]
        density = _log_mixture(
            chi[ok, :n_chi],
            np.array([rows["chi"][i][:n_chi] for i in mine]),
            np.array([rows["sd"][i][:n_chi] for i in mine]),
            counts[common] / ok.sum(),
            KINDS[number],
        )
        contour[number] = np.quantile(density, ROTAMER_OUTLIERS)
        print(KINDS[number], int(ok.sum()), "side chains,", len(mine), "rotamers")
    return {
        "rotamer_kind": np.array(rows["kind"], np.int16),
        "rotamer_chi": np.array(rows["chi"], np.float32),
        "rotamer_sd": np.array(rows["sd"], np.float32),
        "rotamer_log": np.array(rows["log"], np.float16),
        "rotamer_contour": contour.astype(np.float32),
    }


def _wells(name: str, chi: Floats) -> NDArray[np.intp]:
    """`(n,)` number of the well that the torsions lie in."""
    if name == "PRO":
        return (chi[:, 0] > 0).astype(np.intp)
    code = np.zeros(len(chi), np.intp)
    for i in range(chi.shape[1]):
        turn = np.mod(chi[:, i], 2 * np.pi)
        if FLAT_CHI.get(name) == i:
            period = np.pi if name in SYMMETRIC else 2 * np.pi
            width = np.pi / 3 if name == "TRP" else np.pi / 6
            well = np.floor(np.mod(turn, period) / width).astype(np.intp)
        else:
            well = np.floor(turn / (2 * np.pi / 3)).astype(np.intp)
        code = code * 12 + well
    return code


def _shares_on_grid(owner: NDArray, common: NDArray, phi_psi: Floats) -> Floats:
    """`(m, 12, 12)` shares of rotamers, by phi and psi; the overall share where little is known."""
    cells = _cells(phi_psi, ROTAMER_CELLS)
    tables = [_smoothed(_histogram(cells[owner == w], ROTAMER_CELLS), 20.0) for w in common]
    overall = np.array([(owner == w).mean() for w in common])
    counted = np.array(tables) + 10 * overall[:, None, None]
    return counted / counted.sum(0)


def _circular(chi: Floats, name: str) -> tuple[Floats, Floats]:
    mean = np.angle(np.exp(1j * chi).mean(0))
    if name in SYMMETRIC:
        i = SYMMETRIC[name] - 1
        mean[i] = np.angle(np.exp(2j * chi[:, i]).mean()) / 2
    away = _turned(chi - mean, name)
    return mean, np.clip(1.4826 * np.median(np.abs(away), 0), np.radians(5), np.radians(30))


def _turned(difference: Floats, name: str) -> Floats:
    away = np.angle(np.exp(1j * difference))
    if name in SYMMETRIC:
        i = SYMMETRIC[name] - 1
        away[..., i] = np.angle(np.exp(2j * difference[..., i])) / 2
    return away


def _log_mixture(chi: Floats, means: Floats, sd: Floats, shares: Floats, name: str) -> Floats:
    away = _turned(chi[:, None] - means, name) / sd
    logs = np.log(shares) - 0.5 * (away**2).sum(-1) - np.log(sd).sum(-1)
    top = logs.max(1)
    return top + np.log(np.exp(logs - top[:, None]).sum(1))


def _padded(values: Floats) -> Floats:
    return np.concatenate([values, np.full(4 - len(values), np.nan)])


TURN_CELLS, PLANE_CELLS = 36, 36
KNEES = np.radians([100.0, 120.0])
"""Where the angle between three CA is cut into three: helix, between, strand."""


def peptide_tables(sets: list[ResidueAtoms]) -> dict[str, NDArray]:
    """The turn of the peptide plane about CA-CA, and where C, O and N lie in that plane.

    `plane_log` (3, 3, 36, 36): log share of the turn (the torsion CA before, CA, CA after, O seen
    along the axis), by the angles at both CA and by the torsion of four CA. `peptide_trans`,
    `peptide_cis` (3, 2): C, O, N along the axis from CA to CA, and away from it on O's side.
    """
    tables = np.zeros((3, 3, TURN_CELLS, PLANE_CELLS))
    flat: dict[str, list[Floats]] = {"trans": [], "cis": []}
    for r in sets:
        xyz = r.xyz_A
        if len(r) < 4:
            continue
        chain = r.bound[1:-2] & r.bound[2:-1] & r.bound[3:]
        ca = [xyz[i : len(xyz) - 3 + i, CA] for i in range(4)]
        c, o, n = xyz[1:-2, C], xyz[1:-2, O], xyz[2:-1, N]
        turn, plane = dihedral(*ca), dihedral(ca[0], ca[1], ca[2], o)
        knees = [np.digitize(angle(*three), KNEES) for three in (ca[:3], ca[1:])]
        ok = chain & np.isfinite(turn) & np.isfinite(plane)
        cells = _cells(np.stack([turn, plane], 1)[ok], TURN_CELLS)
        np.add.at(tables, (knees[0][ok], knees[1][ok], cells[:, 0], cells[:, 1]), 1)
        is_cis = np.linalg.norm(ca[2] - ca[1], axis=1) < 3.3
        for name, mask in (("trans", ok & ~is_cis), ("cis", ok & is_cis)):
            flat[name].append(_in_plane(ca[1], ca[2], c, o, n)[mask])
    counted = _smoothed(tables, 12.0, axes=(2, 3)) + 0.02
    shares = counted / counted.sum(-1, keepdims=True)
    return {
        "plane_log": np.log(shares).astype(np.float16),
        **{
            f"peptide_{name}": np.median(np.concatenate(v), axis=0).astype(np.float32)
            for name, v in flat.items()
        },
    }


def _in_plane(one: Floats, two: Floats, c: Floats, o: Floats, n: Floats) -> Floats:
    """`(n, 3, 2)` of C, O, N: along the axis from the first CA, and away from it towards O."""
    axis = (two - one) / np.linalg.norm(two - one, axis=1, keepdims=True)
    side = (o - one) - ((o - one) * axis).sum(1, keepdims=True) * axis
    side = side / np.linalg.norm(side, axis=1, keepdims=True)
    return np.stack(
        [np.stack([((p - one) * axis).sum(1), ((p - one) * side).sum(1)], -1) for p in (c, o, n)],
        1,
    )


if __name__ == "__main__":
    main()
