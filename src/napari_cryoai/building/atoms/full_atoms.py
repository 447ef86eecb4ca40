"""From residues whose backbone is roughly known to all heavy atoms, in the density."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.backdrop import backdrop_of
from napari_cryoai.building.atoms.energy import Energy, Weights
from napari_cryoai.building.atoms.field import Field, field_around
from napari_cryoai.building.atoms.peptide_planes import place_backbone, placed
from napari_cryoai.building.atoms.polish import polish
from napari_cryoai.building.atoms.side_chains import pack, side_chain
from napari_cryoai.building.atoms.topology import CA, CB, GLY, KINDS, SLOTS, C, N, O, kind
from napari_cryoai.core.angles import dihedral
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.jobs.progress import Job, Progress, part

Floats = NDArray[np.float64]

TYPICAL_RESOLUTION_A = 3.5
"""Of a map that comes without one."""


def build_atoms(
    backbone: Backbone,
    density: DensityMap | None,
    resolution_A: float | None,
    *,
    ends: Mapping[str, int] | None = None,
    side_chains: bool = True,
    seed: int = 0,
) -> Job[Structure]:
    """Build all heavy atoms of the residues of a backbone.

    What is not known is built as "UNK" with CB, as an alanine: programs that show and refine models
    know that name. The same input gives the same atoms.

    Parameters
    ----------
    backbone
        In the frame of the map.
    density
        Without a map, geometry alone decides.
    resolution_A
        Of the map.
    ends
        Number of the last residue of the sequence, by chain: where that residue is built, it gets
        OXT. Others get none, since their chain goes on unseen.
    side_chains
        Whether they are built; if not, they end at CB.
    seed
        Of the places where the density of an atom is measured.

    Returns
    -------
    structure
        The residues in the order of the backbone; the atoms of each in the order of the PDB. Their
        B-factors are 0: it is not for this step to know them.

    Raises
    ------
    CryoAIError
        If there is no residue.
    """
    if not len(backbone):
        raise CryoAIError("there is no residue to build", remedy="Trace the map first")
    resolution_A = resolution_A or TYPICAL_RESOLUTION_A
    field = field_around(density, resolution_A, backbone.ca_A) if density else None
    sample = field.sample if field else None
    yield Progress(0, 100, "Density at the backbone")
    main = place_backbone(
        backbone.ca_A,
        backbone.bound,
        backbone.is_cis,
        backbone.classes,
        n_A=backbone.n_A,
        c_A=backbone.c_A,
        sample=sample,
    )
    start = with_beta(main, backbone.kinds)
    polished = yield from part(polish(_energy(backbone, start, field), start), 0, 40)
    if not side_chains:
        return structure_of(backbone, polished.xyz_A, ends or {})
    main = polished.xyz_A[:, :CB]
    known = polished.xyz_A.reshape(-1, 3)
    left = backdrop_of(sample, known[np.isfinite(known[:, 0])], seed) if sample else None
    packed = yield from part(pack(main, backbone.kinds, phi_psi(main, backbone), left), 40, 70)
    finished = yield from part(polish(_energy(backbone, packed, field), packed), 70, 100)
    return structure_of(backbone, finished.xyz_A, ends or {})


def with_beta(main_A: Floats, kinds: NDArray[np.intp]) -> Floats:
    """`(n, SLOTS, 3)` of N, CA, C and O `(n, 4, 3)`, with CB where there is one."""
    found = np.full((len(main_A), SLOTS, 3), np.nan)
    found[:, :CB] = main_A
    for number in np.unique(kinds).tolist():
        if number != GLY:
            rows = kinds == number
            chi = np.zeros((int(rows.sum()), len(kind(number).chi_atoms)))
            found[rows, CB] = side_chain(number, main_A[rows], chi)[:, 0]
    return found


def phi_psi(main_A: Floats, backbone: Backbone) -> Floats:
    """`(n, 2)` in radians; NaN next to ends and breaks."""
    found = np.full((len(main_A), 2), np.nan)
    bound = backbone.bound[1:]
    here, last = main_A[1:], main_A[:-1]
    phi = dihedral(last[:, C], here[:, N], here[:, CA], here[:, C])
    psi = dihedral(last[:, N], last[:, CA], last[:, C], here[:, N])
    found[1:, 0] = np.where(bound, phi, np.nan)
    found[:-1, 1] = np.where(bound, psi, np.nan)
    return found


def structure_of(
    backbone: Backbone, xyz_A: Floats, ends: Mapping[str, int] | None = None
) -> Structure:
    """The atoms `(n, SLOTS, 3)` of residues as a structure; `ends` as in `build_atoms`."""
    columns = zip(backbone.chains.tolist(), backbone.numbers.tolist(), strict=True)
    last = np.array([(ends or {}).get(chain) == number for chain, number in columns], np.bool_)
    oxt = np.full((len(backbone), 1, 3), np.nan)
    oxt[last, 0] = _oxt(xyz_A[last])
    places = np.concatenate([xyz_A, oxt], axis=1)
    residue, slot = np.nonzero(np.isfinite(places[..., 0]))
    kinds = backbone.kinds[residue].tolist()
    names = [
        "OXT" if s == SLOTS else kind(k).atoms[s] for k, s in zip(kinds, slot.tolist(), strict=True)
    ]
    n = len(names)
    return Structure(
        places[residue, slot],
        np.array([name[0] for name in names], np.str_),
        np.zeros(n),
        np.ones(n),
        backbone.chains[residue],
        backbone.numbers[residue].astype(np.str_),
        np.array([KINDS[k] for k in kinds], np.str_),
        np.array(names, np.str_),
    )


def _oxt(xyz_A: Floats) -> Floats:
    """`(k, 3)` the second oxygen of C termini, across from the first."""
    n, ca, c, o = (xyz_A[:, slot] for slot in (N, CA, C, O))
    return placed(n, ca, c, 1.25, np.radians(117.0), dihedral(n, ca, c, o) + np.pi)


def _energy(backbone: Backbone, xyz_A: Floats, field: Field | None) -> Energy:
    present = np.asarray(np.isfinite(xyz_A).all(-1))
    chain = (backbone.kinds, backbone.bound, backbone.is_cis, backbone.classes)
    return Energy(*chain, present, field, Weights())
