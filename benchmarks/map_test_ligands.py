"""Small molecules to place beside the proteins of test sets: ATP, haem, cholesterol, imatinib.

Heavy atoms at their ideal places in tenths of an Angstrom, from the Chemical Component Dictionary
of the wwPDB (CC0).
"""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.structure import Structure

_ATOMS = {
    "ATP": """
        P 12 -2 -77, O 17 11 -75, O 21 -10 -87, O -3 -1 -82, P 2 -1 -53, O 8 12 -51, O -12 0 -59,
        O 12 -10 -63, P -8 1 -29, O -21 1 -35, O -1 15 -28, O 2 -8 -38, O -9 -6 -14, C -17 3 -7, C
        -18 -3 8, O -6 -4 14, C -27 6 16, O -40 2 17, C -20 6 30, O -29 0 40, C -8 -4 28, N 3 0
        36, C 13 9 32, N 22 10 41, C 18 3 52, C 24 1 65, N 36 7 69, N 18 -7 73, C 6 -14 70, N 1
        -12 58, C 6 -4 49
    """,
    "HEM": """
        C -23 -1 5, C 13 -34 3, C 45 2 -1, C 9 34 0, C -16 -13 4, C -22 -26 3, C -12 -35 3, C 0
        -28 3, C -13 -50 2, C -37 -29 3, C -42 -29 -11, C -56 -32 -12, O -62 -34 -1, O -63 -33
        -23, C 25 -27 3, C 38 -33 4, C 47 -24 3, C 40 -11 1, C 40 -48 6, C 62 -25 3, C 68 -34 -4,
        C 38 13 -2, C 44 26 -5, C 33 35 -5, C 21 28 -2, C 58 29 -7, C 35 50 -7, C 40 54 -18, C -3
        27 3, C -15 34 6, C -24 24 8, C -17 11 5, C -18 48 8, C -39 25 11, C -47 25 -2, C -62 27
        2, O -65 28 13, O -71 27 -8, N -2 -15 3, N 27 -14 2, N 24 15 0, N -4 14 3, FE 8 1 -1
    """,
    "CLR": """
        C 13 -10 -45, C 17 -3 -58, C 4 0 -66, C -4 11 -58, C -6 5 -44, C -19 5 -39, C -22 0 -26, C
        -10 1 -16, C 2 -6 -23, C 5 0 -36, C 14 -7 -14, C 11 -12 0, C -1 -4 6, C -13 -6 -3, C -24 0
        5, C -21 -5 20, C -6 -8 20, C 3 11 6, C 15 12 -33, C 1 0 31, C 16 -3 30, C -4 -4 44, C 3 4
        55, C -3 0 69, C 4 8 80, C -2 4 94, C 19 5 80, O 7 6 -79
    """,
    "STI": """
        C 28 0 88, C 19 2 77, C 25 0 64, C 38 -4 63, N 45 -6 73, C 41 -4 86, C 16 2 52, C 22 9 41,
        C 13 10 30, N 1 7 30, C -4 1 41, N 3 -1 52, N -17 -3 42, C -25 -2 30, C -39 0 31, C -46 1
        19, C -41 0 7, C -27 -3 6, C -19 -4 18, N -21 -5 -6, C -25 2 -17, C -20 0 -30, C -24 7
        -41, C -19 5 -54, C -9 -5 -56, C -5 -13 -45, C -10 -10 -32, C -4 -8 -69, N 8 0 -71, C 13
        -3 -85, C 27 5 -87, N 37 0 -78, C 49 8 -80, C 32 3 -64, C 18 -4 -62, O -33 11 -15, C -45 2
        44
    """,
}

NAMES = tuple(_ATOMS)


def ligand(name: str, b_factor_A2: float) -> Structure:
    """A ligand about the origin, as one residue of that name."""
    atoms = [atom.split() for atom in _ATOMS[name].split(",")]
    xyz_A = np.array([atom[1:] for atom in atoms], float) / 10
    found = Structure.of_atoms(xyz_A, [atom[0] for atom in atoms], b_factor_A2)
    names = np.full(len(found), name)
    numbers = np.full(len(found), "1")
    return Structure(**{**vars(found), "residue_names": names, "residue_numbers": numbers})
