"""FASTA files as they come from databases, programs and keyboards."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.io.fasta import (
    Entry,
    ignored,
    parse_copies,
    polymers_of,
    read_fasta,
)


def read(tmp_path: Path, text: str) -> list[Entry]:
    path = tmp_path / "sequences.fasta"
    path.write_text(text)
    return read_fasta(path)


def test_headers_of_the_pdb_name_the_chains(tmp_path: Path) -> None:
    entries = read(
        tmp_path,
        ">8HB0_1|Chains A, B|Sodium/glucose cotransporter 2|Homo sapiens (9606)\nMEEHTEAG\n"
        ">8HB0_2|Chain C[auth P]|PDZK1-interacting protein 1|Homo sapiens (9606)\nMSALSLLI\n",
    )
    assert [(e.name, e.chains) for e in entries] == [("8HB0_1", ("A", "B")), ("8HB0_2", ("P",))]
    polymers = polymers_of(entries)
    assert [(p.name, p.sequence) for p in polymers] == [
        *(("A", "MEEHTEAG"), ("B", "MEEHTEAG"), ("P", "MSALSLLI"))
    ]


def test_lower_case_gaps_stops_digits_and_line_ends_are_understood(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ">one\r\n  1 mee-h.t\r\n 11 eag*\r\n\r\n")
    assert entry.sequence == "MEEHTEAG"


def test_what_is_none_of_the_twenty_is_unknown_or_its_relative(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ">one\nMXBZJUO\n")
    assert entry.sequence == "MXXXXCK"


def test_a_sequence_without_a_header_is_one(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, "MEEHTEAG\nLLK\n")
    assert (entry.name, entry.sequence) == ("unnamed", "MEEHTEAGLLK")


@pytest.mark.parametrize(
    "text",
    [">x\nGGATCCGATACA\n", ">x\nGGAUCCGAUACA\n", ">1ABC_2|Chain B|DNA (5'-D(*A)-3')|\nACA\n"],
)
def test_nucleic_acids_are_told_and_left_out(tmp_path: Path, text: str) -> None:
    entries = read(tmp_path, ">protein\nMEEHTEAG\n" + text)
    assert [e.nucleic for e in entries] == [False, True]
    assert [p.sequence for p in polymers_of(entries)] == ["MEEHTEAG"]
    assert "nucleic acid" in ignored(entries)
    with pytest.raises(CryoAIError, match="only nucleic acids"):
        polymers_of(entries[1:])


def test_a_chain_of_alanine_and_glycine_is_a_protein(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ">linker\nGAGAGAGAGA\n")
    assert not entry.nucleic


def test_copies_go_by_name_or_by_letter() -> None:
    entries = [Entry("alpha", "MK"), Entry("beta", "MR")]
    polymers = polymers_of(entries, {"alpha": 2, "B": 3})
    assert [p.name for p in polymers] == ["A", "B", "C", "D", "E"]
    assert [p.sequence for p in polymers] == ["MK", "MK", "MR", "MR", "MR"]


def test_copies_overrule_the_header_and_names_stay_different() -> None:
    entries = [Entry("a", "MK", ("A", "C")), Entry("b", "MR", ("B",))]
    names = [p.name for p in polymers_of(entries, {"b": 2})]
    assert names == ["A", "C", "B", "D"]
    assert [p.name for p in polymers_of(entries, {"a": 1})] == ["A", "B"]


def test_repeated_names_need_letters() -> None:
    entries = [Entry("same", "MK"), Entry("same", "MR")]
    assert [p.name for p in polymers_of(entries)] == ["A", "B"]
    with pytest.raises(CryoAIError, match="several sequences"):
        polymers_of(entries, {"same": 2})
    assert len(polymers_of(entries, {"B": 2})) == 3


def test_copies_are_written_as_letters_and_numbers() -> None:
    assert parse_copies("A:4, B:12") == {"A": 4, "B": 12}
    assert parse_copies("8HB0_1:2") == {"8HB0_1": 2}


@pytest.mark.parametrize("text", ["A", "A:", ":3", "A:x", "A:-1", "A:0", "A:100000", "A:²"])
def test_copies_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(CryoAIError, match="copies"):
        parse_copies(text)


def test_copies_of_what_is_not_there_are_refused() -> None:
    with pytest.raises(CryoAIError, match="called 'Q'"):
        polymers_of([Entry("alpha", "MK")], {"Q": 2})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (">one\n>two\nMK\n", "'one' is empty"),
        ("\n\n", "no sequence"),
        (">one\nME{}\n", "stands for no residue"),
        (">one\nMÉ\n", "stands for no residue"),
        ("ATOM      1  N   MET A   1      38.1\n", "no FASTA file"),
    ],
)
def test_what_is_no_fasta_is_said_so(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(CryoAIError, match=what):
        read(tmp_path, text)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.mrc"
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(CryoAIError, match="not a text file"):
        read_fasta(path)
