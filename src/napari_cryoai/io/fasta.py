"""Sequences of proteins in FASTA files, and the chains that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from string import ascii_uppercase

from napari_cryoai.core.amino_acids import LETTERS, UNKNOWN
from napari_cryoai.core.atomic_model import Polymer
from napari_cryoai.core.chain_names import chain_names
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.guards import read_text

AnyPath = str | PathLike[str]

MAX_BYTES = 1 << 26
MAX_COPIES = 1000

_NUCLEIC = frozenset("ACGTUN")
_AMBIGUOUS = {"B": UNKNOWN, "Z": UNKNOWN, "J": UNKNOWN, "O": "K", "U": "C"}
"""Letters of the one-letter code beyond the twenty: what they are to a builder of models."""

_CHAINS = re.compile(r"^chains?\s+(.+)$", re.IGNORECASE)
_AUTHOR = re.compile(r"([^\s,\[\]]+)\s*\[auth\s+([^\s,\[\]]+)\]", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One sequence of a FASTA file.

    Attributes
    ----------
    name
        The first word of its header.
    sequence
        Capital letters of the twenty amino acids, X for anything else.
    chains
        Names of the chains that have it, as headers of the PDB say; else none.
    nucleic
        Whether it is a nucleic acid; its sequence is that of the file.
    """

    name: str
    sequence: str
    chains: tuple[str, ...] = ()
    nucleic: bool = False


def read_fasta(path: AnyPath) -> list[Entry]:
    """Read all sequences of a file, those of nucleic acids included.

    Lower case, gaps (`-`, `.`), stops (`*`) and digits are understood; a text without a header is
    one sequence.

    Raises
    ------
    CryoAIError
        If it is not text, or holds no sequence, or a letter that stands for nothing.
    """
    return parse_fasta(read_text(path, limit_bytes=MAX_BYTES), path)


def parse_fasta(text: str, path: AnyPath) -> list[Entry]:
    """The sequences of a text, as `read_fasta` reads them; errors say `path` of where it is."""
    lines = text.split("\n")
    if not any(line.lstrip().startswith(">") for line in lines):
        _check_plain(lines, path)
    entries: list[Entry] = []
    for header, first_line, block in _blocks(lines):
        letters = "".join(_letters(line, i, path) for i, line in enumerate(block, first_line))
        if not letters:
            raise CryoAIError(
                f"the sequence '{header}' is empty (line {first_line - 1})",
                path=path,
                remedy="Add its letters, or remove the header",
            )
        entries.append(_entry(header, letters))
    if not entries:
        raise CryoAIError(
            "holds no sequence",
            path=path,
            remedy="Give a FASTA file: a line that begins with '>', and the letters below it",
        )
    return entries


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, int, list[str]]]:
    """Header, number of its first line of letters, and these lines, for each sequence."""
    header, first, block = "", 1, list[str]()
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line.startswith(">"):
            # Old files have comments behind a semicolon.
            block.append("" if line.startswith(";") else line)
            continue
        if header or any(block):
            yield header, first, block
        header, first, block = line[1:].strip() or "unnamed", number + 1, []
    if header or any(block):
        yield header or "unnamed", first, block


def _check_plain(lines: Sequence[str], path: AnyPath) -> None:
    """Refuse what has no header and is another kind of file, coordinates for instance."""
    if any(re.search(r"[A-Za-z].*\d", line) for line in lines):
        raise CryoAIError(
            "is no FASTA file", path=path, remedy="Begin each sequence with a line like '>name'"
        )


def _letters(line: str, number: int, path: AnyPath) -> str:
    letters = re.sub(r"[\s\d*.\-]", "", line).upper()
    strange = sorted(set(letters) - set(ascii_uppercase))
    if strange:
        raise CryoAIError(
            f"line {number} holds {strange[0]!r}, which stands for no residue",
            path=path,
            remedy="Give letters of the one-letter code alone, X for a residue that is not known",
        )
    return letters


def _entry(header: str, letters: str) -> Entry:
    name = re.split(r"[\s|]", header, maxsplit=1)[0] or "unnamed"
    if _is_nucleic(header, letters):
        return Entry(name, letters, _chains_of(header), nucleic=True)
    known = (_AMBIGUOUS.get(letter, letter) for letter in letters)
    sequence = "".join(letter if letter in LETTERS else UNKNOWN for letter in known)
    return Entry(name, sequence, _chains_of(header))


def _is_nucleic(header: str, letters: str) -> bool:
    if set(letters) - _NUCLEIC:
        return False
    # A peptide of alanines and glycines alone is possible, so a short one needs to be called DNA.
    called = re.search(r"\b([DR]NA|nucleic)\b|polydeoxy|polyribo", header, re.IGNORECASE)
    return bool(called) or (len(letters) >= 8 and len(set(letters) - {"N"}) >= 3)


def _chains_of(header: str) -> tuple[str, ...]:
    """`A` and `B` of `>8HB0_1|Chains A, B|...`; the author's names of `A[auth C]`."""
    for part in header.split("|")[1:]:
        if found := _CHAINS.match(part.strip()):
            names = _AUTHOR.sub(r"\2", found[1])
            return tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", names) if name))
    return ()


def parse_copies(text: str) -> dict[str, int]:
    """`{"A": 4, "B": 4}` of `A:4,B:4`.

    Raises
    ------
    CryoAIError
        If it is written in another way, or a number is not 1 to 1000.
    """
    copies: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.rpartition(":")
        if not name or not number.isascii() or not number.isdigit():
            raise CryoAIError(
                f"the copies {part!r} are not understood",
                remedy="Write a name, a colon and a number for each sequence, as in A:4,B:4",
            )
        copies[name.strip()] = int(number)
        _check_number(name.strip(), int(number))
    return copies


def _check_number(name: str, number: int) -> None:
    if not 1 <= number <= MAX_COPIES:
        raise CryoAIError(
            f"{number} copies of '{name}' are not possible",
            remedy=f"Give a number from 1 to {MAX_COPIES}",
        )


def polymers_of(
    entries: Sequence[Entry], copies: Mapping[str, int] | None = None
) -> tuple[Polymer, ...]:
    """One chain for each copy of each protein; nucleic acids are left out.

    Parameters
    ----------
    copies
        Number by the name of a sequence, or by A, B, ... for the first, the second, ... protein
        of the file. A sequence that is not named has the chains of its header, or one.

    Raises
    ------
    CryoAIError
        If `copies` names a sequence that there is not, or no protein is left.
    """
    proteins = [entry for entry in entries if not entry.nucleic]
    if not proteins:
        raise CryoAIError(
            "there are only nucleic acids among the sequences",
            remedy="Add the sequences of the proteins, or build without a sequence",
        )
    numbers = _numbers(proteins, copies or {})
    used = {
        name
        for entry, number in zip(proteins, numbers, strict=True)
        for name in entry.chains[:number]
    }
    free = (name for name in chain_names() if name not in used)
    taken: set[str] = set()
    found: list[Polymer] = []
    for entry, number in zip(proteins, numbers, strict=True):
        for i in range(number):
            own = entry.chains[i] if i < len(entry.chains) else ""
            name = own if own and own not in taken else next(free)
            taken.add(name)
            found.append(Polymer(name, entry.sequence))
    return tuple(found)


def _numbers(proteins: Sequence[Entry], copies: Mapping[str, int]) -> list[int]:
    """Copies of each protein."""
    letters = [letter for letter, _ in zip(chain_names(), proteins, strict=False)]
    names = {entry.name for entry in proteins}
    for name, number in copies.items():
        _check_number(name, number)
        if name not in names and name not in letters:
            raise CryoAIError(
                f"no sequence is called '{name}'",
                remedy=f"The proteins of the file are {_listed(proteins, letters)}",
            )
        if name not in letters and sum(entry.name == name for entry in proteins) > 1:
            raise CryoAIError(
                f"several sequences are called '{name}'",
                remedy=f"Name them by letters: {_listed(proteins, letters)}",
            )
    found = []
    for letter, entry in zip(letters, proteins, strict=True):
        # A sequence that is itself called A wins over the first of the file.
        by_letter = copies.get(letter) if letter not in names else None
        found.append(copies.get(entry.name) or by_letter or max(len(entry.chains), 1))
    return found


def _listed(proteins: Sequence[Entry], letters: Sequence[str]) -> str:
    shown = [f"{letter} ({entry.name})" for letter, entry in zip(letters, proteins, strict=True)]
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")


def ignored(entries: Sequence[Entry]) -> str:
    """What of a file is not built, as a sentence for the user; empty if all is."""
    names = [entry.name for entry in entries if entry.nucleic]
    if not names:
        return ""
    word = "is a nucleic acid" if len(names) == 1 else "are nucleic acids"
    return f"{', '.join(names)} {word}; only proteins are built."
