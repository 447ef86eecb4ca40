"""A protein that needs no file, four helices in a bundle made from torsions; and a map of it.

It is nobody's: the sequence was written for it, leucine inside and glutamate outside. The torsions
of its turns come from a random search for a compact chain whose atoms do not touch. Both are
written down here, so that it is the same everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.backbone import Backbone
from napari_cryoai.building.atoms.full_atoms import phi_psi, structure_of
from napari_cryoai.building.atoms.peptide_planes import placed
from napari_cryoai.building.atoms.side_chains import pack
from napari_cryoai.building.atoms.topology import CA, C, N
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.secondary import secondary_structure
from napari_cryoai.jobs.progress import finish
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps

Floats = NDArray[np.float64]

CHAIN = "A"
SEQUENCE = (
    "MPFEKVAFHFAETAADLAMEAANQ"
    "GNRDPDALKMVYKLASSVRRILETI"
    "GYVDPESANLAVFALKMLQKLCSAT"
    "GIKTPALRDMLEALQKLAESLKHWTER"
)

HELIX_DEG = (-63.0, -42.0)
START_DEG = ((-80.0, 150.0), (-60.0, -35.0))
TURNS_DEG = {
    24: ((86, 16), (-139, 122), (-122, 110), (-85, 164), (-62, -39)),
    49: ((77, 26), (-128, 121), (-109, 104), (-96, 150), (-65, -36)),
    74: ((88, 14), (-143, 115), (-114, 116), (-81, 158), (-60, -38)),
}
"""Phi and psi of the residues from that row on: glycine ends a helix, proline begins the next."""

N_CA_A, CA_C_A, C_N_A, C_O_A = 1.458, 1.525, 1.329, 1.231
N_CA_C_DEG, CA_C_N_DEG, C_N_CA_DEG, CA_C_O_DEG = 111.0, 116.2, 121.7, 120.1
"""Bonds and angles after Engh and Huber 2001, Int. Tables F, 382."""


RESOLUTION_A, PIXEL_SIZE_A, BOX_PX = 3.0, 1.0, 64


def example_model() -> AtomicModel:
    """The protein with all its heavy atoms, around the origin; its rotamers are common ones."""
    phi_deg, psi_deg = torsions_deg().T
    main_A = backbone_from(np.radians(phi_deg), np.radians(psi_deg))
    backbone = _backbone(main_A)
    packed = finish(pack(main_A, backbone.kinds, phi_psi(main_A, backbone), None))
    structure = structure_of(backbone, packed).centred()
    ca_A = structure.xyz_A[structure.atom_names == "CA"]
    n = len(SEQUENCE)
    residues = Residues(
        chains=backbone.chains,
        numbers=backbone.numbers,
        letters=backbone.letters,
        ca_A=ca_A,
        confidence=np.ones(n),
        runner_up=np.zeros(n, np.intp),
        margin=np.full(n, np.nan),
        secondary=secondary_structure(ca_A, [np.arange(n)]),
        q=np.full(n, np.nan),
    )
    return AtomicModel(structure, residues, (Polymer(CHAIN, SEQUENCE),))


def example_map(model: AtomicModel, seed: int) -> DensityMap:
    """A map of the protein at 3.0 A: the mean of two half maps, sharpened, in a soft mask."""
    made = simulate_half_maps(model.structure, good_map(), BOX_PX, PIXEL_SIZE_A, seed)
    corner_A = -(BOX_PX // 2) * PIXEL_SIZE_A
    mean = ((made.half1 + made.half2) / 2).numpy().astype(np.float32)
    return DensityMap(mean, PIXEL_SIZE_A, (corner_A, corner_A, corner_A))


def good_map() -> HalfMapModel:
    """Views from everywhere, and protein alone."""
    return HalfMapModel(
        resolution_A=Distribution("constant", RESOLUTION_A),
        ssnr=Distribution("constant", 1000),
        b_factor_A2=Distribution("constant", 40),
        b_spread=Distribution("constant", 0.3),
        sharpening_A2=Distribution("constant", 60),
        preferred_fraction=Distribution("constant", 0),
        membrane=0,
        nucleic=0,
        glycans=Distribution("constant", 0),
        masked=1,
    )


def torsions_deg() -> Floats:
    """`(n, 2)` phi and psi of its residues."""
    found = np.tile(HELIX_DEG, (len(SEQUENCE), 1))
    for first, pairs in {0: START_DEG, **TURNS_DEG}.items():
        found[first : first + len(pairs)] = pairs
    return found


def backbone_from(phi: Floats, psi: Floats) -> Floats:
    """N, CA, C and O `(n, 4, 3)` of a chain with trans bonds, from torsions `(n,)` in radians.

    The first phi has no meaning; the last psi turns the last O alone.
    """
    bend = np.radians(N_CA_C_DEG)
    corner = np.array([-np.cos(bend), np.sin(bend), 0]) * CA_C_A
    chain = [np.zeros(3), np.array([N_CA_A, 0, 0]), np.array([N_CA_A, 0, 0]) + corner]
    for before, here in zip(psi[:-1], phi[1:], strict=True):
        for bond, angle_deg, turn in (
            (C_N_A, CA_C_N_DEG, before),
            (N_CA_A, C_N_CA_DEG, np.float64(np.pi)),
            (CA_C_A, N_CA_C_DEG, here),
        ):
            chain.append(
                placed(
                    chain[-3], chain[-2], chain[-1], bond, np.radians(angle_deg), np.asarray(turn)
                )
            )
    main = np.array(chain).reshape(-1, 3, 3)
    ends = (main[:, N], main[:, CA], main[:, C])
    oxygen = placed(*ends, C_O_A, np.radians(CA_C_O_DEG), psi + np.pi)
    return np.concatenate([main, oxygen[:, None]], axis=1)


def _backbone(main_A: Floats) -> Backbone:
    n = len(main_A)
    return Backbone(
        chains=np.full(n, CHAIN),
        numbers=np.arange(1, n + 1),
        letters=np.array(list(SEQUENCE)),
        n_A=main_A[:, N],
        ca_A=main_A[:, CA],
        c_A=main_A[:, C],
        confidence=np.ones(n),
    )
