"""Structures to train on, to validate with and to test with, no relatives across."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure

WORD = 5
"""Residues in a row that two sequences are compared by."""

KIN = 0.2
"""Share of the shorter sequence's words that makes two relatives; about 60 % identity."""

LARGE = 0.05
"""A family with more of the structures than this is trained on, lest it be all of a small part."""


Words = list[frozenset[str]]
"""Of each chain of a structure."""


def split_structures(
    paths: Iterable[Path], tell: Callable[[CryoAIError], None] | None = None
) -> tuple[list[Path], list[Path], list[Path]]:
    """Divide structures into 80, 10 and 10 %, family by family.

    Two structures are of one family if a chain of one resembles a chain of the other, or by a
    chain of relatives in between. What part a family goes to follows from the name of its first
    member, and from nothing random.

    Parameters
    ----------
    tell
        Is told of each file that cannot be read, which is then left out.

    Returns
    -------
    train, validation, test
        Paths, sorted.

    Raises
    ------
    CryoAIError
        If a file is missing or no structure, and nobody wants to be told.
    """
    words = words_of(sorted(paths), tell)
    ordered = list(words)
    parts: tuple[list[Path], list[Path], list[Path]] = ([], [], [])
    for family in families(words):
        parts[_part(family, len(ordered))].extend(family)
    for part in parts:
        part.sort()
    return parts


def families(words: Mapping[Path, Words]) -> list[list[Path]]:
    """Group structures by kinship, each group in the order given."""
    if not words:
        return []
    owner = np.repeat(np.arange(len(words)), [len(chains) for chains in words.values()])
    pairs = _related([chain for chains in words.values() for chain in chains])
    linked = coo_matrix(
        (np.ones(len(pairs)), (owner[pairs[:, 0]], owner[pairs[:, 1]])), (len(words),) * 2
    )
    count, label = connected_components(linked, directed=False)
    groups: list[list[Path]] = [[] for _ in range(count)]
    for path, group in zip(words, label, strict=True):
        groups[group].append(path)
    return groups


def words_of(
    paths: Sequence[Path], tell: Callable[[CryoAIError], None] | None = None
) -> dict[Path, Words]:
    """The words of the chains of each structure; see `split_structures` for `tell`."""
    words = {}
    for path in paths:
        try:
            words[path] = chain_words(read_structure(path))
        except CryoAIError as error:
            if tell is None:
                raise
            tell(error)
    return words


def chain_words(structure: Structure) -> Words:
    """The words of every chain of amino acids that is long enough to have any."""
    _, first = np.unique(structure.residue_index(), return_index=True)
    sequences: dict[str, str] = {}
    columns = (structure.chains[first].tolist(), structure.residue_names[first].tolist())
    for chain, name in zip(*columns, strict=True):
        sequences[chain] = sequences.get(chain, "") + _letter(name)
    return [
        frozenset(s[i : i + WORD] for i in range(len(s) - WORD + 1))
        for s in sequences.values()
        if len(s) >= WORD
    ]


@cache
def _letter(residue: str) -> str:
    """Of an amino acid, modified or not; nothing for all else."""
    found = gemmi.find_tabulated_residue(residue)
    return found.one_letter_code.upper() if found.is_amino_acid() else ""


def _related(chains: Sequence[frozenset[str]]) -> NDArray[np.intp]:
    """Pairs `(k, 2)` of chains that share enough words."""
    numbers = {word: i for i, word in enumerate(sorted(frozenset().union(*chains)))}
    column = np.array([numbers[word] for chain in chains for word in chain], np.intp)
    size = np.array([len(chain) for chain in chains], np.intp)
    row = np.repeat(np.arange(len(chains)), size)
    has = coo_matrix((np.ones(len(row)), (row, column)), (len(chains), len(numbers))).tocsr()
    shared = (has @ has.T).tocoo()
    enough = shared.data >= KIN * np.minimum(size[shared.row], size[shared.col])
    return np.stack([shared.row[enough], shared.col[enough]], -1).astype(np.intp)


def _part(family: Sequence[Path], total: int) -> int:
    """0, 1 or 2: train, validation, test."""
    if len(family) > max(1.0, LARGE * total):
        return 0
    digest = hashlib.sha256(min(path.name for path in family).encode()).digest()
    tenth = int.from_bytes(digest[:8], "big") % 10
    return {8: 1, 9: 2}.get(tenth, 0)
