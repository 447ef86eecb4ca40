"""Maps lie where the models fitted into them lie, whatever the order of their axes."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path
from typing import Any

import gemmi
import mrcfile
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.maps import is_map, read_map, write_map
from napari_cryoai.io.mrc import write_mrc

DATA = Path(__file__).parents[3] / "shared" / "data" / "maps"
FITTED = [
    ("1oed_1oed_box.ccp4.gz", "1oed_1oed_box_complete.pdb.gz"),
    ("3j63_A_box.ccp4.gz", "3j63_A_box_complete.pdb.gz"),
    ("3j8x_chain_A_box.ccp4.gz", "3j8x_chain_A_box_complete.pdb.gz"),
    ("3j8x_chain_K_box.ccp4.gz", "3j8x_chain_K_box_complete.pdb.gz"),
    ("3los_chain_A_box.ccp4.gz", "3los_chain_A_box_complete.pdb.gz"),
    ("5fn5_5fn5_box.ccp4.gz", "5fn5_5fn5_box_complete.pdb.gz"),
    ("5ly6_5ly6_box.ccp4.gz", "5ly6_5ly6_box_complete.pdb.gz"),
    ("daq_2566_3J6B_9.mrc.gz", "daq_3J6B_9.pdb.gz"),
]
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(4, 5, 6)).astype(np.float32)


def header_of(path: Path, **fields: Any) -> None:
    """Change fields of a file's header."""
    with mrcfile.open(path, mode="r+", permissive=True) as file:
        for name, value in fields.items():
            file.header[name] = value


def atoms_zyx(path: Path) -> np.ndarray:
    structure = gemmi.read_pdb_string(gzip.decompress(path.read_bytes()).decode())
    model = structure[0]
    return np.array([a.atom.pos.tolist()[::-1] for a in model.all() if a.atom.occ > 0])


def density_at(density: DensityMap, zyx_A: np.ndarray) -> np.ndarray:
    return map_coordinates(density.data, density.index_of(zyx_A).T, order=1, mode="nearest")


@pytest.mark.parametrize(("map_name", "model_name"), FITTED)
def test_the_atoms_of_the_fitted_model_lie_in_high_density(map_name, model_name):
    if not DATA.is_dir():
        pytest.skip("the public maps are not at hand (../shared/data/maps)")
    density = read_map(DATA / map_name)
    atoms = atoms_zyx(DATA / model_name)
    here = (density_at(density, atoms).mean() - density.mean) / density.sigma
    assert here > 1.5
    for wrong in itertools.permutations(range(3)):
        if wrong != (0, 1, 2):
            assert density_at(density, atoms[:, wrong]).mean() < density_at(density, atoms).mean()


@pytest.mark.parametrize("crs", list(itertools.permutations((1, 2, 3))))
def test_every_order_of_axes_gives_the_same_map(tmp_path, crs):
    path = tmp_path / "a.map"
    # Stored [section, row, column]: the array's axes 0, 1, 2 are those named by maps, mapr, mapc.
    stored = VALUES.transpose([3 - axis for axis in reversed(crs)])
    with mrcfile.new(path) as file:
        file.set_data(np.ascontiguousarray(stored))
        file.header.mapc, file.header.mapr, file.header.maps = crs
        file.header.mx, file.header.my, file.header.mz = VALUES.shape[::-1]
        file.header.cella = tuple(1.5 * n for n in VALUES.shape[::-1])
        start = dict(zip((1, 2, 3), (10, 20, 30), strict=True))
        file.header.nxstart, file.header.nystart, file.header.nzstart = (start[a] for a in crs)
    density = read_map(path)
    np.testing.assert_array_equal(density.data, VALUES)
    assert density.data.flags.c_contiguous
    assert density.pixel_size_A == 1.5
    assert density.origin_A == (45.0, 30.0, 15.0)


def test_the_origin_in_angstrom_goes_before_the_start_in_voxels(tmp_path):
    write_mrc(tmp_path / "a.mrc", VALUES, 2.0, origin_xyz_A=(1.0, 0.0, -3.0))
    header_of(tmp_path / "a.mrc", nxstart=5)
    assert read_map(tmp_path / "a.mrc").origin_A == (-3.0, 0.0, 1.0)


def test_what_we_write_comes_back_and_other_libraries_agree(tmp_path):
    path = tmp_path / "a.mrc"
    density = DensityMap(VALUES, 1.37, (-12.5, 0.0, 100.25))
    write_map(path, density)
    again = read_map(path)
    np.testing.assert_array_equal(again.data, VALUES)
    assert (again.pixel_size_A, again.origin_A) == (1.37, density.origin_A)
    assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        assert file.is_volume()
        assert file.header.mode == 2
        assert [file.header.mx, file.header.my, file.header.mz] == [6, 5, 4]
        assert file.header.origin.tolist() == (100.25, 0.0, -12.5)
    ccp4 = gemmi.read_ccp4_map(str(path), setup=True)
    assert ccp4.grid.shape == (6, 5, 4)
    assert ccp4.grid.spacing == pytest.approx((1.37,) * 3)
    np.testing.assert_array_equal(np.array(ccp4.grid.array).transpose(2, 1, 0), VALUES)


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_compressed_maps_read_the_same(tmp_path, packed):
    write_map(tmp_path / "a.mrc", DensityMap(VALUES, 1.37))
    path = tmp_path / f"b.map{packed}"
    raw = (tmp_path / "a.mrc").read_bytes()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    np.testing.assert_array_equal(read_map(path).data, VALUES)


def test_a_map_stays_as_it_is_when_its_file_is_overwritten(tmp_path):
    write_map(tmp_path / "a.mrc", DensityMap(VALUES, 1.0))
    density = read_map(tmp_path / "a.mrc")
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(1024)
        file.write(bytes(VALUES.nbytes))
    np.testing.assert_array_equal(density.data, VALUES)


def test_voxels_that_are_no_cubes_are_refused_with_their_sides(tmp_path):
    write_mrc(tmp_path / "a.mrc", VALUES, 1.0)
    header_of(tmp_path / "a.mrc", cella=(6.0, 5.0, 5.0))
    with pytest.raises(CryoAIError, match=r"not cubes \(1 x 1 x 1.25 A\)"):
        read_map(tmp_path / "a.mrc")


def test_an_unknown_voxel_size_is_asked_for(tmp_path):
    write_mrc(tmp_path / "a.mrc", VALUES, None)
    with pytest.raises(CryoAIError, match="voxel size"):
        read_map(tmp_path / "a.mrc")
    assert read_map(tmp_path / "a.mrc", pixel_size_A=1.2).pixel_size_A == 1.2


def test_what_is_no_map_says_what_it_is(tmp_path):
    write_mrc(tmp_path / "image.mrc", VALUES[0], 1.0)
    write_mrc(tmp_path / "stack.mrcs", VALUES, 1.0)
    for name, words in (("image.mrc", "one image"), ("stack.mrcs", "a stack of 4 images")):
        with pytest.raises(CryoAIError, match=words):
            read_map(tmp_path / name)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cellb": (90, 90, 120)}, "oblique"),
        ({"mapc": 2}, "axes"),
        ({"ispg": 401}, "several maps"),
        ({"origin": (np.nan, 0, 0)}, "origin"),
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path, fields, words):
    write_mrc(tmp_path / "a.mrc", VALUES, 1.0)
    header_of(tmp_path / "a.mrc", **fields)
    with pytest.raises(CryoAIError, match=words):
        read_map(tmp_path / "a.mrc")


def test_voxels_that_are_not_finite_become_the_median(tmp_path):
    holed = VALUES.copy()
    holed[1, 2, 3] = np.nan
    write_mrc(tmp_path / "a.mrc", holed, 1.0)
    data = read_map(tmp_path / "a.mrc").data
    assert data[1, 2, 3] == np.median(holed[np.isfinite(holed)])
    write_mrc(tmp_path / "b.mrc", np.full_like(VALUES, np.nan), 1.0)
    with pytest.raises(CryoAIError, match="no finite voxel"):
        read_map(tmp_path / "b.mrc")


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("map.mrc", (8, 8, 8), True),
        ("box.map", (4, 6, 9), True),
        ("image.mrc", (8, 8), False),
        ("stack.mrcs", (8, 8, 8), False),
        ("movie.mrc", (4, 40, 40), False),
        ("table.star", (8, 8, 8), False),
    ],
)
def test_maps_are_told_from_micrographs_and_stacks(tmp_path, name, shape, expected):
    write_mrc(tmp_path / name, np.zeros(shape, np.float32), 1.0)
    assert is_map(tmp_path / name) is expected


def test_a_stack_that_its_header_declares_is_no_map(tmp_path):
    write_mrc(tmp_path / "a.mrc", VALUES, 1.0)
    header_of(tmp_path / "a.mrc", ispg=0, mz=1)
    assert not is_map(tmp_path / "a.mrc")


def test_a_name_that_would_lie_about_the_compression_is_refused(tmp_path):
    with pytest.raises(CryoAIError, match="not a name for a map"):
        write_map(tmp_path / "a.mrc.gz", DensityMap(VALUES, 1.0))
