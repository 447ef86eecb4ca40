"""What the buttons of the analysis ask of `heterogeneity`; for a thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.analysis import axes, clusters
from napari_cryoai.ui.explore.select_work import particle_files, particles_of
from napari_cryoai.ui.latent.session import Opened

Floats = NDArray[np.float32]


def groups(source: Opened, count: int) -> Floats:
    """`(n,)` group of each particle."""
    return clusters.kmeans(source.model.table.mean, count).labels.astype(np.float32)


def hills(source: Opened) -> Floats:
    """`(n,)` hill of the density that each particle lies on."""
    return clusters.hills(source.model.table.mean).labels.astype(np.float32)


def umap(source: Opened) -> Floats:
    """`(n, 2)`."""
    return axes.umap(source.model.table.mean)


def file_columns(source: Opened) -> list[str]:
    """What the particles' file tells of them."""
    return _file(source).names()


def file_column(source: Opened, name: str) -> Floats:
    """`(n,)`.

    Raises
    ------
    CryoAIError
        If it is not known, or holds no numbers.
    """
    found = _file(source).find(name)
    if found is None:
        raise CryoAIError(
            f"the file of the particles tells no {name}", remedy="Choose another column"
        )
    return np.asarray(found, np.float32)


def _file(source: Opened):  # type: ignore[no-untyped-def]
    from napari_cryoai.heterogeneity.selection.file_columns import FileColumns

    return FileColumns(source.model.table, particle_files(source))


def structure(source: Opened) -> str:
    """Whether particles differ by more than noise, in words."""
    from napari_cryoai.heterogeneity.analysis.control import held_out_of
    from napari_cryoai.heterogeneity.analysis.control import structure as tested

    found = tested(source.model.table, held_out=held_out_of(source.config))
    return f"{found.text()} (p = {found.p:.2g})"


def leakage(source: Opened) -> str:
    """What z tells that has nothing to do with the molecule's shape, in words."""
    from napari_cryoai.heterogeneity.analysis.leakage import groups_of, properties_of
    from napari_cryoai.heterogeneity.analysis.leakage import leakage as tested

    stack = particles_of(source, with_images=False)
    leaks = tested(source.model.table.mean, properties_of(stack), groups_of(stack))
    return "\n".join(f"{leak.text()} (p = {leak.p:.2g})" for leak in leaks)
