"""Broken and hostile files: each ends in an error that names the file and says what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import struct
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.lib import format as npy
from PIL import Image

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.micrographs import SUFFIXES, open_micrograph, open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import read_picks

NOISE = np.random.default_rng(0).integers(0, 255, (64, 80), np.uint8)
PIXELS = NOISE.astype(np.float32)


def mrc(array=PIXELS, **header: int | float | bytes) -> bytes:
    """An MRC file with single words of its header overwritten, by their number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mrc"
        write_mrc(path, array, 1.5)
        raw = bytearray(path.read_bytes())
    for word, value in header.items():
        at = int(word[1:]) * 4
        code = "<f" if isinstance(value, float) else "<i"
        raw[at : at + 4] = value if isinstance(value, bytes) else struct.pack(code, value)
    return bytes(raw)


def png(array=NOISE) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    idat = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + idat + chunk(b"IEND", b"")


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG")
    return file.getvalue()


def tiff(array=NOISE, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def tiff_of_size(width: int, height: int, **options) -> bytes:
    """A TIFF that claims any size: the two tags are overwritten."""
    raw = bytearray(tiff(**options))
    with tifffile.TiffFile(io.BytesIO(bytes(raw))) as file:
        tags = file.pages[0].tags
        for name, value in (("ImageWidth", width), ("ImageLength", height)):
            at = tags[name].offset
            raw[at + 2 : at + 4] = struct.pack("<H", 4)
            raw[at + 8 : at + 12] = struct.pack("<I", value)
    return bytes(raw)


def tiff_in_a_circle() -> bytes:
    """A TIFF whose second page is followed by its first."""
    raw = bytearray(tiff(np.stack([NOISE] * 2), photometric="minisblack", metadata=None))
    with tifffile.TiffFile(io.BytesIO(bytes(raw))) as file:
        first, second = (page.offset for page in file.pages)
    (entries,) = struct.unpack_from("<H", raw, second)
    struct.pack_into("<I", raw, second + 2 + 12 * entries, first)
    return bytes(raw)


def star(rows: str, labels: str = "MicrographName CoordinateX CoordinateY") -> bytes:
    titles = "".join(f"_rln{label}\n" for label in labels.split())
    return f"data_\nloop_\n{titles}{rows}\n".encode()


def listed(name: str) -> bytes:
    labels = "_rlnMicrographName\n_rlnMicrographCoordinates\n"
    return f"data_coordinate_files\nloop_\n{labels}a.mrc {name}\n".encode()


def cbox(row: str) -> bytes:
    labels = "_CoordinateX\n_CoordinateY\n_Width\n_Height\n"
    return f"data_cryolo\nloop_\n{labels}{row}\n".encode()


def cs(table: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, table, allow_pickle=True)
    return file.getvalue()


def picks_cs(n: int = 3, **values) -> np.ndarray:
    table = np.zeros(
        n,
        [
            ("uid", "<u8"),
            ("location/micrograph_path", "S8"),
            ("location/micrograph_shape", "<u4", (2,)),
            ("location/center_x_frac", "<f4"),
            ("location/center_y_frac", "<f4"),
        ],
    )
    table["location/micrograph_shape"] = 4096
    for name, value in values.items():
        table[f"location/{name}"] = value
    return table


def cs_of_shape(*shape: int) -> bytes:
    file = io.BytesIO()
    header = {"descr": picks_cs().dtype.descr, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)
    return file.getvalue() + b"\0" * 100


def boxes(*entries) -> bytes:
    return json.dumps({"boxes": list(entries)}).encode()


NAN = np.full((8, 8), np.nan, np.float32)
OBJECTS = np.array([({"a": 1}, 2)], [("location/micrograph_path", "O"), ("uid", "<u8")])

BROKEN: dict[str, tuple[str, bytes]] = {
    # MRC
    "empty MRC": ("a.mrc", b""),
    "MRC cut off in the header": ("a.mrc", mrc()[:500]),
    "MRC cut off after the header": ("a.mrc", mrc()[:1024]),
    "MRC cut off in the pixels": ("a.mrc", mrc()[:-1]),
    "MRC stack cut off in the last image": ("a.mrcs", mrc(np.zeros((3, 8, 8), np.int16))[:-60]),
    "text as MRC": ("a.mrc", b"this is not a micrograph\n" * 100),
    "web page as MRC": ("a.mrc", b"<!DOCTYPE html><html><body>404</body></html>" * 40),
    "PNG as MRC": ("a.mrc", png()),
    "zeros as MRC": ("a.mrc", bytes(4096)),
    "MRC without magic, of the wrong size": ("a.mrc", mrc(w52=b"XXXX") + b"more"),
    "MRC header bomb": ("a.mrc", mrc(w0=60000, w1=60000, w2=60000)),
    "MRC of one huge image": ("a.mrc", mrc(w0=2**30, w1=2**30)),
    "MRC whose product overflows": ("a.mrc", mrc(w0=2**31 - 1, w1=2**31 - 1, w2=2**31 - 1)),
    "MRC 0 px wide": ("a.mrc", mrc(w0=0)),
    "MRC of 0 images": ("a.mrc", mrc(w2=0)),
    "MRC of negative height": ("a.mrc", mrc(w1=-64)),
    "MRC of an unknown mode": ("a.mrc", mrc(w3=77)),
    "MRC of Fourier coefficients": ("a.mrc", mrc(w3=4)),
    "MRC with a negative extended header": ("a.mrc", mrc(w23=-1024)),
    "MRC with an extended header beyond the end": ("a.mrc", mrc(w23=2**30)),
    "MRC that holds NaN alone": ("a.mrc", mrc(NAN)),
    "MRC that holds infinity alone": ("a.mrc", mrc(NAN * 0 + np.inf)),
    "map as micrograph": ("a.mrc", mrc(np.zeros((8, 8, 8), np.float32))),
    "text as gz": ("a.mrc.gz", b"not gzip" * 200),
    "gz cut off": ("a.mrc.gz", gzip.compress(mrc())[:-500]),
    "gz with a flipped byte": (
        "a.mrc.gz",
        (lambda g: g[:900] + b"\xff" * 9 + g[909:])(gzip.compress(mrc())),
    ),
    "gz of text": ("a.mrc.gz", gzip.compress(b"some text\n" * 500)),
    "gz of a cut MRC": ("a.mrc.gz", gzip.compress(mrc()[:2000])),
    "gz of a header bomb": ("a.mrc.gz", gzip.compress(mrc(w0=2**20, w1=2**20))),
    "bz2 cut off": ("a.mrc.bz2", bz2.compress(mrc())[:-300]),
    "text as bz2": ("a.mrcs.bz2", b"BZh9 not really" * 100),
    # images
    "empty PNG": ("a.png", b""),
    "PNG cut off in the header": ("a.png", png()[:20]),
    "PNG cut off in the pixels": ("a.png", png()[:1500]),
    "PNG with flipped bytes": ("a.png", png()[:200] + b"\0" * 50 + png()[250:]),
    "PNG bomb": ("a.png", png_of_size(60000, 60000)),
    "PNG that claims more than it holds": ("a.png", png_of_size(4096, 4096)),
    "PNG 0 px wide": ("a.png", png_of_size(0, 10)),
    "MRC as PNG": ("a.png", mrc()),
    "text as JPEG": ("a.jpg", b"hello" * 100),
    "JPEG cut off": ("a.jpg", jpeg()[:700]),
    "PDF as JPEG": ("a.jpeg", b"%PDF-1.7\n" * 50),
    "empty TIFF": ("a.tif", b""),
    "text as TIFF": ("a.tif", b"hello" * 100),
    "TIFF cut off in the header": ("a.tif", tiff()[:6]),
    "TIFF cut off in the tags": ("a.tif", tiff()[:40]),
    "TIFF cut off in the pixels": ("a.tif", tiff()[:-100]),
    "compressed TIFF cut off": ("a.tif", tiff(compression="zlib")[:-100]),
    "TIFF bomb": ("a.tif", tiff_of_size(60000, 60000)),
    "compressed TIFF bomb": ("a.tif", tiff_of_size(60000, 60000, compression="zlib")),
    "TIFF 0 px wide": ("a.tif", tiff_of_size(0, 64)),
    "TIFF whose pages go round in a circle": ("a.tif", tiff_in_a_circle()),
    "TIFF that holds NaN alone": ("a.tif", tiff(NAN)),
    "PNG as TIFF": ("a.tiff", png()),
    "table as micrograph": ("a.eer", b"x"),
    # STAR
    "empty STAR": ("a.star", b""),
    "STAR without a table": ("a.star", b"# version 30001\n\n"),
    "STAR of micrographs, without coordinates": ("a.star", star("a.mrc 1", "MicrographName A")),
    "STAR without columns": ("a.star", b"data_\nloop_\n1 2 3\n"),
    "STAR with a ragged loop": ("a.star", star("a.mrc 1 2\na.mrc 3\n")),
    "STAR cut off in a row": ("a.star", star("a.mrc 1 2\na.mrc 3 4")[:-3]),
    "STAR with words for coordinates": ("a.star", star("a.mrc one 2")),
    "STAR with infinite coordinates": ("a.star", star("a.mrc inf 2")),
    "STAR with NaN coordinates": ("a.star", star("a.mrc 1 nan")),
    "STAR with huge coordinates": ("a.star", star("a.mrc 1e300 2")),
    "STAR with a number beyond all bounds": ("a.star", star(f"a.mrc {'9' * 5000} 2")),
    "STAR with a column twice": ("a.star", star("a 1 2 3", "A CoordinateX CoordinateY A")),
    "STAR with a table twice": ("a.star", star("a.mrc 1 2") * 2),
    "STAR that is not UTF-8": ("a.star", star("a.mrc 1 2").replace(b"a", b"\xff\xfe")),
    "STAR that is binary": ("a.star", bytes(range(256)) * 10),
    "STAR with an unknown state": (
        "a.star",
        star("a 1 2 maybe", "MicrographName CoordinateX CoordinateY X").replace(
            b"_rlnX", b"_cryoaiState"
        ),
    ),
    "STAR with a word for a score": (
        "a.star",
        star("1 2 good", "CoordinateX CoordinateY AutopickFigureOfMerit"),
    ),
    "MRC as STAR": ("a.star", mrc()),
    "list with a path out of the project": ("a.star", listed("../../../secret.star")),
    "list with an absolute path": ("a.star", listed("/etc/passwd")),
    "list with a Windows path": ("a.star", listed("C:\\secret.star")),
    "list of files that are not there": ("a.star", listed("gone_autopick.star")),
    "list that names itself": ("a.star", listed("a.star")),
    "list with a NUL in a path": ("a.star", listed("a\0b.star")),
    # boxes
    "empty box": ("a.box", b""),
    "box with three columns": ("a.box", b"1 2 3\n"),
    "box with ragged rows": ("a.box", b"1 2 64 64\n3 4 64\n"),
    "box with words": ("a.box", b"1 2 64 64\n3 four 64 64\n"),
    "box of size 0": ("a.box", b"1 2 0 0\n"),
    "box of negative size": ("a.box", b"1 2 -64 64\n"),
    "box at infinity": ("a.box", b"inf 2 64 64\n"),
    "Topaz table named box": ("a.box", b"image_name\tx_coord\ty_coord\tscore\na\t1\t2\t3\n"),
    "helix with three values": ("a.box", b"#micrograph: a.mrc\n1\t2\t3\n"),
    "helix with words": ("a.box", b"#micrograph: a.mrc\none\ttwo\n"),
    "cbox without width": ("a.cbox", cbox("1 2 3 4").replace(b"_Width", b"_Breadth")),
    "cbox without its table": ("a.cbox", b"data_global\n_version 1.0\n"),
    "cbox with ragged rows": ("a.cbox", cbox("1 2 3")),
    "cbox with blanks for corners": ("a.cbox", cbox("<NA> 2 64 64")),
    "cbox of size 0": ("a.cbox", cbox("1 2 0 64")),
    "cbox of a tomogram": (
        "a.cbox",
        cbox("1 2 64 64 5\n1 2 64 64 6").replace(b"_Height\n", b"_Height\n_CoordinateZ\n"),
    ),
    # JSON
    "empty JSON": ("a_info.json", b""),
    "JSON cut off": ("a_info.json", boxes([1, 2, "manual"])[:-5]),
    "JSON that is a list": ("a_info.json", b"[[1, 2]]"),
    "JSON without boxes": ("a_info.json", b'{"ctf": []}'),
    "JSON with boxes as text": ("a_info.json", b'{"boxes": "1 2"}'),
    "JSON with a box of one number": ("a_info.json", boxes([1])),
    "JSON with a box of words": ("a_info.json", boxes(["a", "b", "manual"])),
    "JSON with a true coordinate": ("a_info.json", boxes([True, 2, "manual"])),
    "JSON with infinity": ("a_info.json", b'{"boxes": [[Infinity, 2, "manual"]]}'),
    "JSON with a number beyond all bounds": ("a_info.json", boxes([10**400, 2, "manual"])),
    "JSON nested too deeply": ("a_info.json", b'{"boxes": ' + b"[" * 100_000),
    # cryoSPARC
    "empty cs": ("a.cs", b""),
    "text as cs": ("a.cs", b"hello" * 100),
    "cs cut off in the header": ("a.cs", cs(picks_cs())[:60]),
    "cs with an open bracket in the header": ("a.cs", cs(picks_cs()).replace(b")", b" ")),
    "cs cut off in the rows": ("a.cs", cs(picks_cs())[:-5]),
    "cs with pickled objects": ("a.cs", cs(OBJECTS)),
    "pickle as cs": ("a.cs", pickle.dumps([1, 2, 3])),
    "cs of plain numbers": ("a.cs", cs(np.zeros(5))),
    "cs without locations": ("a.cs", cs(np.zeros(3, [("uid", "<u8")]))),
    "cs of micrographs without size": ("a.cs", cs(picks_cs(micrograph_shape=0))),
    "cs with infinite centres": ("a.cs", cs(picks_cs(center_x_frac=np.inf))),
    "cs with NaN centres": ("a.cs", cs(picks_cs(center_y_frac=np.nan))),
    "cs header bomb": ("a.cs", cs_of_shape(10**15)),
    "cs of negative length": ("a.cs", cs_of_shape(-3)),
    "cs with a hostile header": (
        "a.cs",
        b"\x93NUMPY\x01\x00\x40\x00" + b"__import__('os').system('true')".ljust(63) + b"\n",
    ),
    "compressed cs": ("a.cs", b"\x94CSDAT" + bytes(100)),
    # tables
    "empty CSV": ("a.csv", b""),
    "blank CSV": ("a.csv", b"\n\n\n"),
    "CSV without coordinates": ("a.csv", b"a,b\n1,2\n"),
    "CSV without titles": ("a.csv", b"1,2\n3,4\n"),
    "CSV with ragged rows": ("a.csv", b"x_px,y_px\n1,2\n3\n"),
    "CSV with words": ("a.csv", b"x_px,y_px\n1,2\n3,four\n"),
    "CSV with a missing coordinate": ("a.csv", b"x_px,y_px\n1,\n"),
    "CSV with infinity": ("a.csv", b"x_px,y_px\n1,-inf\n"),
    "CSV with a title twice": ("a.csv", b"x_px,y_px,x_px\n1,2,3\n"),
    "CSV with an open quotation": ("a.csv", b'x_px,y_px\n1,"2\n'),
    "CSV in UTF-16": ("a.csv", "x_px,y_px\n1,2\n".encode("utf-16")),
    "Topaz without score titles": ("a.tsv", b"mic\t1\t2\t3\n"),
    "Topaz with a word for a score": (
        "a.txt",
        b"image_name\tx_coord\ty_coord\tscore\na\t1\t2\thigh\n",
    ),
    "unknown kind of file": ("a.dat", b"nothing that we know"),
}


def read(path):
    name = path.name.lower()
    if name.endswith((*SUFFIXES, ".eer")):
        return open_micrograph(path).read()
    return read_picks(path)


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 60
    assert len({content for _, content in BROKEN.values() if content}) >= 60


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_and_a_remedy_given(tmp_path, case):
    name, content = BROKEN[case]
    path = tmp_path / name
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(CryoAIError) as caught:
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert len(caught.value.remedy) > 10
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert peak < 64e6


def test_missing_files_and_folders_are_named_too(tmp_path):
    for path in (tmp_path / "gone.mrc", tmp_path / "gone.star", tmp_path / "a\0b.star"):
        with pytest.raises(CryoAIError, match="no such file"):
            read(path)
    with pytest.raises(CryoAIError, match="no files of picks"):
        read_picks(tmp_path)


def test_among_the_broken_the_good_micrographs_open(tmp_path):
    broken = 0
    for i, (name, content) in enumerate(BROKEN.values()):
        if name.endswith(SUFFIXES):
            (tmp_path / f"{i:03d}_{name}").write_bytes(content)
            broken += 1
    for i in range(3):
        (tmp_path / f"{i:03d}_good.mrc").write_bytes(mrc())
    micrographs, errors = open_micrographs([tmp_path])
    good = [m for m in micrographs if "good" in m.name]
    assert len(good) == 3
    for m in good:
        np.testing.assert_array_equal(m.read(), NOISE)
    unreadable = [m for m in micrographs if "good" not in m.name]
    for m in unreadable:
        with pytest.raises(CryoAIError):
            m.read()
    assert len(errors) + len({m.path for m in unreadable}) == broken


def test_a_bomb_that_unpacks_to_much_is_stopped_by_its_own_claim(tmp_path):
    """256 MB of zeros in 260 kB: only what the header claims is unpacked."""
    path = tmp_path / "a.mrc.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(mrc())
        for _ in range(32):
            file.write(bytes(1 << 23))
    tracemalloc.start()
    pixels = open_micrograph(path).read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(pixels, NOISE)
    assert peak < 4e6


GOOD = {
    "a.mrc": mrc(PIXELS[:16, :20]),
    "a.mrc.gz": gzip.compress(mrc(PIXELS[:16, :20])),
    "a.png": png(),
    "a.jpg": jpeg(),
    "a.tif": tiff(),
    "b.tif": tiff(compression="zlib"),
    "a.star": star("a.mrc 1 2\na.mrc 3 4"),
    "a.cbox": cbox("1 2 64 64"),
    "a.box": b"1 2 64 64 0.5\n3 4 64 64 -3\n",
    "a_info.json": boxes([1, 2, "manual"], [3, 4, "auto", 0.5]),
    "a.cs": cs(picks_cs()),
    "a.csv": b"x_px,y_px,score\n1,2,3\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_randomly_damaged_files_read_or_end_in_an_error_for_the_user(tmp_path, name):
    rng = np.random.default_rng(1)
    path = tmp_path / name
    for _ in range(60):
        content = bytearray(GOOD[name])
        for _ in range(rng.integers(1, 5)):
            content[rng.integers(min(len(content), 300))] = rng.choice([0, 9, 10, 34, 45, 255])
        if rng.random() < 0.3:
            content = content[: rng.integers(1, len(content))]
        path.write_bytes(content)
        try:
            read(path)
        except CryoAIError as error:
            assert str(path) in str(error)
