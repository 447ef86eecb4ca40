"""The twenty amino acids: their letters, their names, how common they are."""

from __future__ import annotations

import numpy as np

LETTERS = "ARNDCQEGHILKMFPSTWYV"
"""In the alphabetical order of their names; arrays over the amino acids run along it."""

NAMES = (
    *("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"),
    *("LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"),
)
"""Of three letters, in the same order."""

UNKNOWN, UNKNOWN_NAME = "X", "UNK"

BACKGROUND = np.array(
    [
        *(0.0825, 0.0553, 0.0406, 0.0546, 0.0138, 0.0393, 0.0672, 0.0707, 0.0227, 0.0591),
        *(0.0965, 0.0580, 0.0241, 0.0386, 0.0474, 0.0665, 0.0536, 0.0110, 0.0292, 0.0686),
    ]
)
"""`(20,)` shares in Swiss-Prot (release statistics of UniProtKB, 2023); they add up to 1."""
BACKGROUND /= BACKGROUND.sum()

MODIFIED = {"MSE": "M", "SEP": "S", "TPO": "T", "PTR": "Y", "CSO": "C", "HYP": "P", "MLY": "K"}
"""Modified residues that stand for one of the twenty."""

_NAME_OF = dict(zip(LETTERS, NAMES, strict=True))
_LETTER_OF = dict(zip(NAMES, LETTERS, strict=True)) | MODIFIED


def name_of(letter: str) -> str:
    """Three letters of one; `UNK` for all that is none of the twenty."""
    return _NAME_OF.get(letter.upper(), UNKNOWN_NAME)


def letter_of(name: str) -> str:
    """One letter of three; `X` for all that is none of the twenty."""
    return _LETTER_OF.get(name.upper(), UNKNOWN)
