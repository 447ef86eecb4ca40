"""Particle images and their metadata, from RELION and cryoSPARC."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import starfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.image_stacks import open_images
from napari_cryoai.io.mrc import read_mrc, write_mrc
from napari_cryoai.io.particle_stacks import read_particles, write_particles
from napari_cryoai.io.star import read_star

MOVED_TO_OPTICS = {
    *("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"),
    *("rlnMagnification", "rlnDetectorPixelSize", "rlnOriginX", "rlnOriginY"),
}


@pytest.fixture
def real(data: Path, tmp_path: Path) -> Path:
    """The public particle files, with the stacks under the names that the tables use."""
    if not (data / "particles").is_dir():
        pytest.skip("the real particles are not there")
    for file in (data / "particles").iterdir():
        name = file.name
        if file.suffix in (".mrc", ".mrcs"):
            name = name.removeprefix("cdrgn_")
        shutil.copyfile(file, tmp_path / name)
    return tmp_path


FILES = {
    "cdrgn_relion31.star": True,
    "cdrgn_empiar_10076_7.star": True,
    "cdrgn_relion31.6opticsgroups.star": False,
    "cdrgn_FinalRefinement-OriginalParticles-PfCRT.star": False,
}
"""Names, and whether the stack is there."""


@pytest.mark.parametrize("name", FILES)
def test_real_files_survive_a_round_trip(real: Path, name: str):
    stack = read_particles(real / name, with_images=FILES[name])
    again = real / "again.star"
    write_particles(stack, again)
    before, after = read_star(real / name), read_star(again)
    block = next(k for k, table in before.items() if "rlnImageName" in table)
    kept = before[block].keys() - MOVED_TO_OPTICS
    assert {k: after["particles"][k] for k in kept} == {k: before[block][k] for k in kept}
    for label, column in before.get("optics", {}).items():
        assert after["optics"][label] == column
    second = read_particles(again, with_images=FILES[name])
    for column in ("pixel_size_A", "shifts_yx_A", "half", "micrograph", "yx_px", "group"):
        np.testing.assert_allclose(
            getattr(second, column), getattr(stack, column), atol=1e-6, equal_nan=True
        )
    assert second.names == stack.names


def test_six_optics_groups_and_their_pixel_sizes(real: Path):
    stack = read_particles(real / "cdrgn_relion31.6opticsgroups.star", with_images=False)
    assert len(stack) == 139
    assert set(stack.pixel_size_A[np.isin(stack.group, (2, 5))]) <= {1.24}
    assert set(stack.pixel_size_A[~np.isin(stack.group, (2, 5))]) == {1.25}
    assert set(stack.ctf.cs_mm[stack.group == 4]) <= {2.6}
    assert stack.box_size_px == 196


def test_relion_3_0_gives_pixel_size_and_shifts_in_its_own_units(real: Path):
    path = real / "cdrgn_FinalRefinement-OriginalParticles-PfCRT.star"
    stack = read_particles(path, with_images=False)
    assert stack.pixel_size_A == pytest.approx(1.035)
    assert stack.shifts_yx_A[0] == pytest.approx([0.04688 * 1.035, 0.14063 * 1.035])
    assert stack.half.tolist() == [2, 1, 2, 2, 2]
    first = Rotation.from_euler("ZYZ", [16.09353, 86.352776, 98.22569], degrees=True)
    np.testing.assert_allclose(stack.rotations[0], first.inv().as_matrix(), atol=1e-9)
    with pytest.raises(CryoAIError, match="amplitude contrast"):
        stack.require_ctf()


def test_the_same_particles_from_relion_and_cryosparc(real: Path):
    star = read_particles(real / "cdrgn_empiar_10076_7.star")
    cs = read_particles(real / "cdrgn_empiar_10076_7.cs")
    for name in ("defocus_u_A", "defocus_v_A", "defocus_angle_deg", "voltage_kV", "cs_mm"):
        np.testing.assert_allclose(getattr(cs.ctf, name), getattr(star.ctf, name), rtol=1e-6)
    np.testing.assert_allclose(cs.pixel_size_A, star.pixel_size_A, rtol=1e-5)
    # cryoSPARC says of this stack that density is dark in it (blob/sign): it is inverted.
    rows = np.arange(7)
    assert np.array_equal(cs.images.read(rows), -star.images.read(rows))
    write_particles(cs, real / "from_cs.star")
    again = read_particles(real / "from_cs.star")
    assert np.array_equal(again.images.read(rows), cs.images.read(rows))
    assert again.extra["cryosparcUid"][0] == "3806243878409217281"


def test_images_are_those_of_the_stack_in_any_order(real: Path):
    stack = read_particles(real / "cdrgn_relion31.star")
    whole = read_mrc(real / "relion31.mrcs")
    rows = np.array([3, 0, 4, 3])
    assert np.array_equal(stack.images.read(rows), whole[rows])
    assert np.array_equal(stack.select(rows).images.read(np.array([1, 0])), whole[[0, 3]])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A RELION 3.1 project: six images in two stacks."""
    images = np.random.default_rng(1).normal(size=(6, 9, 9)).astype(np.float32)
    write_mrc(tmp_path / "Extract/a.mrcs", images[:4], 1.5)
    write_mrc(tmp_path / "Extract/b.mrcs", images[4:].astype(np.float16), 1.5)
    names = [*(f"{i}@Extract/a.mrcs" for i in (1, 2, 3, 4)), *("1@Extract/b.mrcs",) * 2]
    write_star_of(tmp_path / "particles.star", names)
    return tmp_path


def write_star_of(path: Path, names, *, more="", row="0 0 0 0.0 0.0 1", pixel="1.5", box="9"):
    rows = "\n".join(f"{name} {row}" for name in names)
    path.write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n_rlnImageSize\n"
        f"1 {pixel} {box}\n\n\ndata_particles\n\nloop_\n_rlnImageName\n_rlnAngleRot\n"
        "_rlnAngleTilt\n_rlnAnglePsi\n_rlnOriginXAngst\n_rlnOriginYAngst\n_rlnOpticsGroup\n"
        f"{more}{rows}\n"
    )


def test_images_come_from_several_stacks_of_several_kinds(project: Path):
    stack = read_particles(project / "particles.star")
    a, b = read_mrc(project / "Extract/a.mrcs"), read_mrc(project / "Extract/b.mrcs")
    read = stack.images.read(np.array([5, 2, 4, 0]))
    assert read.dtype == np.float32
    assert np.array_equal(read, [b[0], a[2], b[0], a[0]])
    assert stack.box_size_px == 9


def test_integer_stacks_are_read_as_numbers(project: Path):
    write_mrc(project / "Extract/a.mrcs", np.arange(4 * 81, dtype=np.int16).reshape(4, 9, 9), 1.5)
    stack = read_particles(project / "particles.star")
    assert stack.images.read(np.array([1])).ravel().tolist() == list(range(81, 162))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"names": ["1@Extract/c.mrcs"]}, "1 of 1 particles are missing"),
        ({"names": ["1@Extract/a.mrcs", "5@Extract/a.mrcs"]}, "row 2 names image 5"),
        ({"names": ["0@Extract/a.mrcs"]}, "row 1 names image 0"),
        ({"names": ["99999999999999999999@Extract/a.mrcs"]}, "which holds 4"),
        ({"names": ["1@../Extract/a.mrcs"]}, "outside its project"),
        ({"names": ["1@/etc/passwd"]}, "outside its project"),
        ({"names": ["1@C:\\\\x.mrcs"]}, "outside its project"),
        ({"names": []}, "its table is empty"),
        ({"pixel": "3.0"}, r"optics group 1\) a pixel size of 3 A, and the header .* 1.5 A"),
        ({"pixel": "0"}, "pixel size"),
        ({"pixel": "nan"}, "pixel size"),
        ({"pixel": "wide"}, "is not a number"),
        ({"box": "10"}, "10 pixels wide"),
        ({"row": "0 nan 0 0 0 1"}, "row 1 .* has a pose"),
        ({"row": "0 inf 0 0 0 1"}, "row 1 .* has a pose"),
        ({"row": "0 0 0 nan 0 1"}, "row 1 .* has a shift"),
        ({"row": "0 0 0 0 0 2"}, "optics group '2'"),
        ({"row": "0 0 0 0 0 1.5"}, "optics group '1.5'"),
    ],
)
def test_bad_input_ends_in_a_message(project: Path, change, problem):
    names = ["1@Extract/a.mrcs", "2@Extract/a.mrcs"]
    write_star_of(project / "bad.star", **{"names": names} | change)
    with pytest.raises(CryoAIError, match=problem) as caught:
        read_particles(project / "bad.star")
    assert caught.value.path == project / "bad.star"


def test_the_user_knows_the_pixel_size_better_than_the_headers(project: Path):
    write_star_of(project / "p.star", ["1@Extract/a.mrcs"], pixel="3.0")
    assert read_particles(project / "p.star", pixel_size_A=3.1).pixel_size_A == 3.1


def test_a_refined_magnification_is_no_contradiction(project: Path):
    write_star_of(project / "p.star", ["1@Extract/a.mrcs"], pixel="1.53")
    assert read_particles(project / "p.star").pixel_size_A == 1.53


def test_a_stack_that_shrank_meanwhile_is_an_error_and_no_crash(project: Path):
    stack = read_particles(project / "particles.star")
    path = project / "Extract/a.mrcs"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(CryoAIError, match="cannot be read any more"):
        stack.images.read(np.array([3]))


def test_an_image_of_nan_is_named(project: Path):
    images = np.zeros((4, 9, 9), np.float32)
    images[2, 4, 4] = np.nan
    write_mrc(project / "Extract/a.mrcs", images, 1.5)
    stack = read_particles(project / "particles.star")
    assert not stack.images.read(np.array([0, 1, 3])).any()
    with pytest.raises(CryoAIError, match="image 3 holds"):
        stack.images.read(np.array([0, 2]))


def test_stacks_of_several_box_sizes_are_refused(project: Path):
    write_mrc(project / "Extract/b.mrcs", np.zeros((2, 8, 8), np.float32), 1.5)
    with pytest.raises(CryoAIError, match="several box sizes"):
        read_particles(project / "particles.star")


def test_a_table_deeper_in_the_project_finds_its_images(project: Path):
    deep = project / "Refine3D/job007"
    deep.mkdir(parents=True)
    shutil.copyfile(project / "particles.star", deep / "run_data.star")
    assert len(read_particles(deep / "run_data.star")) == 6


def test_a_table_and_its_stack_can_be_moved_together(project: Path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("a.mrcs", "b.mrcs"):
        shutil.copyfile(project / "Extract" / name, elsewhere / name)
    shutil.copyfile(project / "particles.star", elsewhere / "p.star")
    assert len(read_particles(elsewhere / "p.star")) == 6


def test_two_stacks_never_become_one(project: Path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copyfile(project / "Extract/a.mrcs", elsewhere / "a.mrcs")
    write_star_of(elsewhere / "p.star", ["1@x/a.mrcs", "1@y/a.mrcs"])
    with pytest.raises(CryoAIError, match="several stacks that are one file"):
        read_particles(elsewhere / "p.star")


def test_links_out_of_the_project_are_followed_when_the_user_names_the_root(
    project: Path, tmp_path_factory
):
    outside = tmp_path_factory.mktemp("outside") / "a.mrcs"
    (project / "Extract/a.mrcs").rename(outside)
    (project / "Extract/a.mrcs").symlink_to(outside)
    with pytest.raises(CryoAIError, match="outside its project"):
        read_particles(project / "particles.star")
    assert len(read_particles(project / "particles.star", root=project)) == 6


def test_a_table_written_elsewhere_still_finds_the_images(project: Path, tmp_path_factory):
    stack = read_particles(project / "particles.star")
    far = tmp_path_factory.mktemp("far") / "selected.star"
    write_particles(stack.select(np.array([5, 1])), far)
    with pytest.raises(CryoAIError, match="outside its project"):
        read_particles(far)
    again = read_particles(far, root=project)
    rows = np.arange(2)
    assert np.array_equal(again.images.read(rows), stack.images.read(np.array([5, 1])))


def test_an_optics_group_that_came_to_differ_in_itself_is_parted(project: Path):
    stack = read_particles(project / "particles.star")
    ctf = ParticleCtf.of_values(
        6, defocus_u_A=1e4, defocus_v_A=1e4, defocus_angle_deg=0, voltage_kV=[200] * 2 + [300] * 4
    )
    mixed = ParticleStack.of_images(stack.images, 1.5, ctf=ctf, extra=stack.extra)
    write_particles(mixed, project / "parted.star")
    again = read_particles(project / "parted.star")
    assert again.ctf.voltage_kV.tolist() == [200] * 2 + [300] * 4
    assert again.group.tolist() == [1, 1, 2, 2, 2, 2]


angle = st.floats(-179, 179).map(lambda x: round(x, 5))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_is_read_again(project: Path, data):
    n = data.draw(st.integers(1, 4))

    def column(values):
        return np.array(data.draw(st.lists(values, min_size=n, max_size=n)))

    names = [f"{i + 1}@Extract/a.mrcs" for i in range(n)]
    defocus = st.integers(1000, 50000)
    stack = ParticleStack.of_images(
        open_images(names, project / "x.star"),
        column(st.sampled_from([1.5, 1.51])),
        shifts_yx_A=column(st.tuples(angle, angle)),
        rotations=matrices_from_zyz(column(angle), column(st.floats(0, 180)), column(angle)),
        ctf=ParticleCtf.of_values(
            n,
            defocus_u_A=column(defocus),
            defocus_v_A=column(defocus),
            defocus_angle_deg=column(angle),
            voltage_kV=column(st.sampled_from([200, 300])),
            cs_mm=2.7,
            amplitude_contrast=column(st.sampled_from([0.07, 0.1])),
            phase_flipped=column(st.booleans()),
        ),
        half=column(st.sampled_from([0, 1, 2])),
        names=("a b.mrc", "c.mrc"),
        micrograph=column(st.sampled_from([0, 1])),
        yx_px=column(st.tuples(st.integers(0, 4000), st.integers(0, 4000))),
        score=column(st.floats(-1, 1, width=32).filter(bool)),
        group=column(st.sampled_from([1, 2])),
    )
    write_particles(stack, project / "x.star")
    again = read_particles(project / "x.star")
    for name in ("pixel_size_A", "shifts_yx_A", "half", "yx_px", "score"):
        np.testing.assert_allclose(getattr(again, name), getattr(stack, name), atol=1e-6)
    np.testing.assert_allclose(again.rotations, stack.rotations, atol=1e-7)
    for name in ("defocus_u_A", "defocus_angle_deg", "voltage_kV", "amplitude_contrast"):
        np.testing.assert_allclose(getattr(again.ctf, name), getattr(stack.ctf, name), atol=1e-6)
    assert np.array_equal(again.ctf.phase_flipped, stack.ctf.phase_flipped)
    assert [again.names[i] for i in again.micrograph] == [stack.names[i] for i in stack.micrograph]
    write_particles(again, project / "y.star")
    assert read_star(project / "x.star") == read_star(project / "y.star")


def test_another_reader_understands_what_is_written(project: Path):
    write_particles(read_particles(project / "particles.star"), project / "x.star")
    blocks = starfile.read(project / "x.star", always_dict=True)
    assert list(blocks) == ["optics", "particles"]
    assert blocks["optics"]["rlnImageSize"].tolist() == [9]
    assert len(blocks["particles"]) == 6


def cs_table(path: Path, **fields) -> Path:
    """A `.cs` file of the images of `a.mrcs`."""
    usual = {
        "uid": np.arange(4, dtype="u8") + 7,
        "blob/path": np.array([b">Extract/a.mrcs"] * 4),
        "blob/idx": np.arange(4, dtype="u4"),
        "blob/shape": np.full((4, 2), 9, "u4"),
        "blob/psize_A": np.full(4, 1.5, "f4"),
    } | fields
    dtype = [(name, v.dtype, v.shape[1:]) for name, v in usual.items()]
    table = np.zeros(4, dtype)
    for name, values in usual.items():
        table[name] = values
    with path.open("wb") as file:
        np.save(file, table)
    return path


def test_poses_shifts_and_halves_of_cryosparc(project: Path):
    vectors = np.random.default_rng(3).normal(size=(4, 3)).astype("f4")
    path = cs_table(
        project / "p.cs",
        **{
            "alignments3D/pose": vectors,
            "alignments3D/shift": np.array([[1, 2]] * 4, "f4"),
            "alignments3D/psize_A": np.full(4, 3.0, "f4"),
            "alignments3D/split": np.array([0, 1, 0, 1], "u4"),
            "location/micrograph_path": np.array([b"m1.mrc", b"m0.mrc"] * 2),
            "location/micrograph_shape": np.array([[100, 200]] * 4, "u4"),
            "location/center_x_frac": np.full(4, 0.25, "f4"),
            "location/center_y_frac": np.full(4, 0.25, "f4"),
        },
    )
    stack = read_particles(path)
    # cryoSPARC's vectors turn the view into the map.
    matrices = Rotation.from_rotvec(vectors.astype(float)).inv().as_matrix()
    np.testing.assert_allclose(stack.rotations, matrices, atol=1e-9)
    assert stack.shifts_yx_A[0].tolist() == [-6, -3]
    assert stack.half.tolist() == [1, 2, 1, 2]
    assert stack.yx_px[0].tolist() == [75, 50]
    assert [stack.names[i] for i in stack.micrograph[:2]] == ["m1.mrc", "m0.mrc"]
    assert np.array_equal(stack.images.read(np.arange(4)), read_mrc(project / "Extract/a.mrcs"))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"blob/shape": np.full((4, 2), 8, "u4")}, "8 pixels wide"),
        ({"blob/shape": np.full(4, 8, "u4")}, "blob/shape is not what"),
        ({"blob/idx": np.arange(4, dtype="u4") + 2}, "row 3 names image 5"),
        ({"blob/path": np.array([b"../a.mrcs"] * 4)}, "outside its project"),
        ({"blob/psize_A": np.full(4, np.nan, "f4")}, "pixel size"),
        ({"blob/psize_A": np.full(4, 3, "f4")}, "header of its stack says 1.5 A"),
        ({"alignments3D/pose": np.full((4, 3), np.nan, "f4")}, "has a pose"),
        ({"alignments3D/pose": np.zeros((4, 2), "f4")}, "pose is not what"),
    ],
)
def test_broken_cs_files_end_in_a_message(project: Path, fields, problem):
    with pytest.raises(CryoAIError, match=problem):
        read_particles(cs_table(project / "p.cs", **fields))


def test_a_pickle_is_never_loaded(project: Path):
    table = np.array([{"a": 1}], object)
    with (project / "p.cs").open("wb") as file:
        np.save(file, table)
    with pytest.raises(CryoAIError, match="pickled"):
        read_particles(project / "p.cs")


def test_picks_are_no_particles(project: Path):
    (project / "picks.star").write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    with pytest.raises(CryoAIError, match="holds no particle images"):
        read_particles(project / "picks.star")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), kind=st.sampled_from(["star", "cs"]))
def test_damaged_files_end_in_a_message_or_in_particles(project: Path, data, kind):
    whole = project / "particles.star"
    if kind == "cs":
        whole = project / "p.cs"
        if not whole.exists():
            cs_table(whole, **{"alignments3D/pose": np.ones((4, 3), "f4")})
    raw = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(raw))))
    damaged = project / f"damaged.{kind}"
    damaged.write_bytes(bytes(raw[:cut]))
    try:
        stack = read_particles(damaged)
    except CryoAIError:
        return
    assert len(stack.images.read(np.arange(len(stack)))) == len(stack)
    write_particles(stack, project / "from_damaged.star")
