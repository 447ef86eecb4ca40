"""Maps to build models into, and what lies in them: simulated ones of the test part, and real ones.

No network was trained on the simulated proteins nor on their relatives (`split_structures`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_cryoai.building.scoring.matching import Alphas
from napari_cryoai.core.amino_acids import UNKNOWN
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.maps import read_map
from napari_cryoai.io.structures import read_structure, structures_in
from napari_cryoai.physics.potential import map_of
from napari_cryoai.physics.sharpening import guinier, sharpened
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import (
    DETERGENT,
    GLYCAN,
    NUCLEIC,
    HalfMapModel,
    SimulatedHalfMaps,
    simulate_half_maps,
)
from napari_cryoai.physics.simulators.structure_split import split_structures

Floats = NDArray[np.float64]

COUNT, MEMBRANE = 30, 10
BANDS_A = ((2.5, 3.5), (3.5, 4.5))
PIXELS_A = (0.8, 1.4)
RESIDUES = (150, 1500)
DECOYS = 6
AROUND_A, WIDER_A = 15.0, 25.0
"""Between the protein and the sides of the box: alone, and in detergent."""

SHARPENED = (0.5, 0.9)
"""Share of the B factor of the Guinier plot that is taken out: moderately, as careful users do."""

NEAR_DECOY_A, FAR_FROM_CA_A = 3.0, 4.0

REAL = {
    "EMD-2566 / 3J6B-9": ("daq_2566_3J6B_9.mrc.gz", "daq_3J6B_9.pdb.gz", 3.2),
    "1OED": ("1oed_1oed_box.ccp4.gz", "1oed_1oed_box_complete.pdb.gz", 4.0),
    "3J63": ("3j63_A_box.ccp4.gz", "3j63_A_box_complete.pdb.gz", 3.8),
    "3LOS": ("3los_chain_A_box.ccp4.gz", "3los_chain_A_box_complete.pdb.gz", 4.3),
    "5FN5": ("5fn5_5fn5_box.ccp4.gz", "5fn5_5fn5_box_complete.pdb.gz", 4.3),
    "5LY6": ("5ly6_5ly6_box.ccp4.gz", "5ly6_5ly6_box_complete.pdb.gz", 4.5),
}
"""Map, model, and resolution as it was deposited."""


@dataclass(frozen=True, eq=False)
class Case:
    """A map and what lies in it.

    Attributes
    ----------
    name
        For the table.
    density
        As a user would have it: the full map, sharpened.
    truth
        The model, in the frame of the map.
    resolution_A
        Of the half maps, or as deposited.
    decoys
        Points (x, y, z) by kind: atoms of nucleic acids and glycans, voxels of detergent.
    """

    name: str
    density: DensityMap
    truth: Structure
    resolution_A: float
    decoys: dict[str, Floats]

    @property
    def polymers(self) -> tuple[Polymer, ...]:
        """The sequence of each chain: residues as they are in the model."""
        return polymers_in(self.truth)


def polymers_in(structure: Structure) -> tuple[Polymer, ...]:
    """Chains with the residues that have a CA; none for chains of unknown residues alone."""
    alphas = Alphas.of(structure)
    texts = {
        name: "".join(alphas.letters[alphas.chains == name])
        for name in dict.fromkeys(alphas.chains.tolist())
    }
    return tuple(Polymer(name, text) for name, text in texts.items() if text.strip(UNKNOWN))


@cache
def test_structures(folder: Path) -> tuple[Path, ...]:
    """Those that nothing was trained on, neither too small nor too large."""
    fewest, most = RESIDUES
    found = split_structures(structures_in(folder))[2]
    return tuple(path for path in found if fewest <= residues_of(read_structure(path)) <= most)


def residues_of(structure: Structure) -> int:
    return len(Alphas.of(structure))


Make = Callable[[], Case]


def simulated_cases(folder: Path, seed: int, every: int) -> Iterator[tuple[str, str, Make]]:
    """Band, name, and how to make it, of 30 maps of all test structures, 10 of membranes."""
    paths = test_structures(folder)
    membrane = [path for path in paths if path.name.startswith("mem")]
    soluble = [path for path in paths if path not in membrane]
    plan = [(membrane, i) for i in range(MEMBRANE)]
    plan += [(soluble, i) for i in range(COUNT - MEMBRANE)]
    for number, (kind, i) in list(enumerate(plan))[::every]:
        # A structure that comes again comes in the other band.
        band = BANDS_A[(i + i // len(kind)) % 2]
        model = half_map_model(band, membrane=float(kind is membrane))
        path = kind[i % len(kind)]
        name = f"{number:02d} {short(path)}"
        yield "{:g}-{:g} A".format(*band), name, partial(simulated, name, path, model, seed, number)


def decoy_cases(folder: Path, seed: int, every: int) -> Iterator[tuple[str, Make]]:
    """Name, and how to make it, of maps with a double helix, six glycans and detergent."""
    paths = test_structures(folder)
    chosen = [paths[i * len(paths) // DECOYS] for i in range(DECOYS)]
    for number, path in list(enumerate(chosen))[::every]:
        glycans = Distribution("constant", 6)
        model = half_map_model(BANDS_A[number % 2], membrane=1.0, nucleic=1.0, glycans=glycans)
        name = f"{number:02d} {short(path)}"
        yield name, partial(simulated, name, path, model, seed, 1000 + number)


def half_map_model(
    band: tuple[float, float],
    membrane: float,
    nucleic: float = 0.25,
    glycans: Distribution = Distribution("exponential", 1),  # noqa: B008
) -> HalfMapModel:
    """What real half maps are like, in a band of resolutions."""
    return HalfMapModel(
        resolution_A=Distribution("uniform", *band),
        side_chain_A2=Distribution("uniform", 0, 20),
        acids=Distribution("uniform", 0.4, 1),
        membrane=membrane,
        nucleic=nucleic,
        glycans=glycans,
    )


def simulated(name: str, path: Path, model: HalfMapModel, seed: int, number: int) -> Case:
    """Half maps of a structure in any orientation, averaged and sharpened."""
    rng = np.random.default_rng((seed, number))
    structure = in_orientation(read_structure(path), Rotation.from_quat(rng.normal(size=4)))
    finest = float(model.resolution_A.least())
    pixel_A = round(float(rng.uniform(PIXELS_A[0], min(PIXELS_A[1], finest / 2.1))), 3)
    n = box_for(structure, pixel_A, WIDER_A if model.membrane else AROUND_A)
    made = simulate_half_maps(structure, model, n, pixel_A, int(rng.integers(1 << 31)))
    map_ = _sharpened(made, pixel_A, float(rng.uniform(*SHARPENED)))
    decoys = _decoys(made, pixel_A)
    return Case(name, centred_map(map_, pixel_A), made.structure, made.resolution_A, decoys)


def noise_free(structure: Structure, n: int, pixel_A: float, b_factor_A2: float) -> DensityMap:
    """The density of a structure about the middle of a box, every atom moving alike."""
    moving = Structure(
        **vars(structure) | {"b_factors_A2": np.full(len(structure), float(b_factor_A2))}
    )
    return centred_map(map_of(moving, n, pixel_A), pixel_A)


def in_orientation(structure: Structure, rotation: Rotation) -> Structure:
    """Turned about its middle, which comes to lie at 0."""
    return structure.moved_to(rotation.apply(structure.centred().xyz_A)).centred()


def box_for(structure: Structure, pixel_A: float, around_A: float = AROUND_A) -> int:
    """Voxels along a side, an even number that transforms fast."""
    n = int(np.ceil((np.ptp(structure.xyz_A, axis=0).max() + 2 * around_A) / pixel_A / 2))
    return 2 * int(next_fast_len(n))


def centred_map(map_: Tensor, pixel_A: float) -> DensityMap:
    """A map whose voxel n // 2 lies at 0."""
    origin_A = -(len(map_) // 2) * pixel_A
    return DensityMap(map_.numpy().astype(np.float32), pixel_A, (origin_A, origin_A, origin_A))


def real_cases(folder: Path, every: int) -> Iterator[tuple[str, Make]]:
    """Name, and how to read it, of public maps and the models deposited with them."""
    for name in list(REAL)[::every]:
        yield name, partial(_real, folder, name)


def _real(folder: Path, name: str) -> Case:
    map_name, model, resolution_A = REAL[name]
    truth = read_structure(folder / model)
    return Case(name, read_map(folder / map_name), truth, resolution_A, {})


def in_decoys(ca_A: Floats, case: Case) -> dict[str, float]:
    """Share of CA that lie in what is no protein, by its kind: near it, far from any true CA."""
    true_A = Alphas.of(case.truth).ca_A
    away = cKDTree(true_A).query(ca_A)[0] > FAR_FROM_CA_A
    shares, anywhere = {}, np.zeros(len(ca_A), np.bool_)
    for kind, places in case.decoys.items():
        near = away & (cKDTree(places).query(ca_A)[0] <= NEAR_DECOY_A)
        shares[kind] = float(near.mean())
        anywhere |= near
    return shares | {"decoys": float(anywhere.mean())}


def short(path: Path) -> str:
    return path.name.split("__")[-1].split(".")[0]


def _sharpened(made: SimulatedHalfMaps, pixel_A: float, share: float) -> Tensor:
    full = (made.half1 + made.half2) / 2
    fsc = made.fsc.float()
    fall = guinier(full * made.mask, pixel_A, to_A=made.resolution_A, fsc=fsc).b_factor_A2
    b_factor_A2 = share * max(fall, 0.0)
    return sharpened(
        full, pixel_A, b_factor_A2=b_factor_A2, resolution_A=made.resolution_A, fsc=fsc
    )


def _decoys(made: SimulatedHalfMaps, pixel_A: float) -> dict[str, Floats]:
    names = {NUCLEIC: "nucleic acid", GLYCAN: "glycan"}
    found = {
        names[label]: np.concatenate([part.xyz_A for part in parts])
        for label, parts in made.company.items()
    }
    detergent = torch.nonzero(made.labels == DETERGENT).numpy()
    if len(detergent):
        found["detergent"] = (detergent - len(made.labels) // 2)[:, ::-1] * pixel_A
    return found
