"""Columns that a RELION table has itself (3.0), or that its optics groups have for it (3.1 on)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import StarTable
from napari_cryoai.io.columns import Floats, numbers
from napari_cryoai.io.star import table_length

GROUP, GROUP_NAME = "rlnOpticsGroup", "rlnOpticsGroupName"
VOLTAGE, CS, CONTRAST = "rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast"
DETECTOR = ("rlnDetectorPixelSize", "rlnMagnification")


@dataclass(frozen=True)
class WithOptics:
    """A table together with the optics groups of its rows."""

    table: StarTable
    optics: StarTable
    path: Path

    def __len__(self) -> int:
        return table_length(self.table)

    def find(self, label: str) -> Floats | None:
        """`(n,)` numbers of a column, of the row or else of its group; None if neither has it.

        Raises
        ------
        CryoAIError
            If a value is no number, or a row's group is not described.
        """
        if label in self.table:
            return numbers(self.table[label], label, self.path)
        if label not in self.optics:
            return None
        values = numbers(self.optics[label], label, self.path)
        return values[self._rows()]

    def require(self, label: str) -> Floats:
        """The same, with an error if neither has it."""
        found = self.find(label)
        if found is None:
            raise CryoAIError(
                f"does not tell _{label}",
                path=self.path,
                remedy="Choose a file with the microscope's settings, as RELION writes it",
            )
        return found

    def groups(self) -> Sequence[str]:
        """`(n,)` group of each row, as written; "1" where the table has none."""
        return self.table.get(GROUP, ("1",) * len(self))

    def detector_pixel_size_A(self) -> Floats | None:
        """`(n,)` pixel size as RELION up to 3.0 tells it: of the detector, in um, magnified."""
        if not all(label in self.table for label in DETECTOR):
            return None
        detector_um, magnification = (self.require(label) for label in DETECTOR)
        with np.errstate(divide="ignore", invalid="ignore"):
            return detector_um / magnification * 1e4

    def _rows(self) -> list[int]:
        """The row of the optics table for each row of the table."""
        described = self.optics.get(GROUP, ("1",))
        row_of = {_number(token): row for row, token in enumerate(described)}
        found = [row_of.get(_number(token), -1) for token in self.groups()]
        if -1 in found:
            missing = self.groups()[found.index(-1)]
            raise CryoAIError(
                f"uses the optics group '{missing}' and does not describe it",
                path=self.path,
                remedy="Write the file again with the program that made it",
            )
        return found


def _number(token: str) -> int | str:
    """The group's number; 1 and 01 are the same group."""
    return int(token) if token.isdecimal() else token
