"""Reads models in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.model_of import model_of
from napari_cryoai.io.structures import SUFFIXES, read_structure
from napari_cryoai.ui.kit.background import Background
from napari_cryoai.ui.kit.parts import Banners
from napari_cryoai.ui.models.drawing import draw
from napari_cryoai.ui.models.session import Content, ModelSession

if TYPE_CHECKING:
    from napari_cryoai.building.edit import Editor

FILTER = f"Models ({' '.join(f'*{s} *{s}.gz' for s in SUFFIXES)});;All files (*)"


class ModelOpener:
    """Reads models into a session."""

    def __init__(
        self,
        session: ModelSession,
        background: Background,
        banners: Banners,
        done: Callable[[], object],
    ):
        self.session = session
        self.background = background
        self.banners = banners
        self.waiting = 0
        self._done = done

    def open(self, paths: Iterable[str | Path]) -> None:
        """Open files; each that cannot be read is reported."""
        for path in map(Path, paths):
            self.waiting += 1
            self.background.submit(
                partial(read_and_draw, path), partial(self._show, path), self._fail
            )
        self._done()

    def _show(self, path: Path, content: Content) -> None:
        self.waiting -= 1
        self.session.add(path.name, content, path)
        self._done()

    def _fail(self, error: CryoAIError) -> None:
        self.waiting -= 1
        self.banners.show_message(str(error), "error")
        self._done()


def read_and_draw(path: Path) -> Content:
    """Read a model, and make its ribbon."""
    return content_of(read_model(path))


def read_model(path: Path) -> AtomicModel:
    """The atoms of a file as a model.

    Raises
    ------
    CryoAIError
        If there is nothing in it that can be shown.
    """
    return model_of(read_structure(path))


def content_of(model: AtomicModel, editor: Editor | None = None) -> Content:
    """A model and its ribbon; looks up all that the main thread should not wait for."""
    content = Content(model, draw(model), editor)
    _ = content.row_of
    return content
