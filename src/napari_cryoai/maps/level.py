"""Levels at which the surfaces of different maps can be compared."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.contour import Contour


def level_enclosing(contour: Contour, volume_A3: float) -> float:
    """The level above which a map has a given volume; the inverse of `Contour.volume_A3`.

    Parameters
    ----------
    contour
        Of the map.
    volume_A3
        More than the whole box gives the map's lowest value, and nothing its highest.
    """
    above = np.append(np.cumsum(contour.counts[::-1])[::-1], 0) * contour.voxel_A3
    return float(np.interp(volume_A3, above[::-1], contour.edges[::-1]))


def same_volume(level: float, of: Contour, in_: Contour) -> float:
    """The level of one map that encloses as much as `level` does in another.

    Filters change the values of a map, its noise and so its standard deviation; a molecule keeps
    its volume. At equal volume two surfaces differ by shape alone.

    Parameters
    ----------
    level
        In the unit of the map that `of` is about.
    in_
        Of the map whose level is looked for; its voxels may have another size.
    """
    return level_enclosing(in_, of.volume_A3(level))
