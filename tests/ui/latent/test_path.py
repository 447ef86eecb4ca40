"""Anchors of a path, and films of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.ui.explore.film import write_film
from napari_cryoai.ui.latent.path import LatentPath


def z(*values: float) -> Any:
    return np.array(values, np.float32)


def test_every_step_of_the_anchors_can_be_taken_back_and_repeated() -> None:
    path = LatentPath()
    path.add(z(0, 0))
    path.add(z(1, 1))
    path.remove(0)
    assert path.undo()
    assert len(path.anchors) == 2
    assert path.undo()
    assert path.undo()
    assert not path.undo()
    assert path.anchors == ()
    assert path.redo()
    assert path.redo()
    np.testing.assert_array_equal(path.anchors[1], [1, 1])


def test_a_drag_of_an_anchor_is_one_step() -> None:
    path = LatentPath()
    path.add(z(0, 0))
    for i in range(5):
        path.move(0, z(i, i), first=i == 0)
    path.undo()
    np.testing.assert_array_equal(path.anchors[0], [0, 0])


def test_of_a_shorter_path_the_last_place_is_shown() -> None:
    path = LatentPath()
    path.set_places(np.zeros((10, 2), np.float32))
    path.go(9)
    path.set_places(np.zeros((4, 2), np.float32))
    assert path.at == 3


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_a_film_has_all_pictures_in_order(tmp_path: Path, ending: str) -> None:
    pictures = [np.full((20, 30, 3), 20 * i, np.uint8) for i in range(6)]
    words = write_film(pictures, tmp_path / f"film{ending}")
    assert "6 frames" in words
    with Image.open(tmp_path / f"film{ending}") as film:
        assert film.n_frames == 6
        for i in range(6):
            film.seek(i)
            grey = np.asarray(film.convert("L")).mean()
            assert grey == pytest.approx(20 * i, abs=4)


def test_an_mp4_goes_to_the_encoder_with_even_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def write_frames(path: str, size: tuple[int, int], **_options: Any) -> Any:
        seen.append(size)
        Path(path).write_bytes(b"film")
        while True:
            picture = yield
            seen.append(picture.shape)

    stub = SimpleNamespace(write_frames=write_frames, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", stub)
    write_film([np.zeros((21, 31, 3), np.uint8)] * 2, tmp_path / "film.mp4")
    assert seen == [(30, 20), (20, 30, 3), (20, 30, 3)]
    assert (tmp_path / "film.mp4").read_bytes() == b"film"


def test_without_an_encoder_the_user_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CryoAIError, match=r"imageio-ffmpeg.*\.gif"):
        write_film([np.zeros((20, 30, 3), np.uint8)], tmp_path / "film.mp4")
    assert not list(tmp_path.iterdir())


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CryoAIError, match="no kind of film"):
        write_film([np.zeros((20, 30, 3), np.uint8)], tmp_path / "film.docx")
