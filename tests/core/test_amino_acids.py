"""The twenty amino acids."""

from __future__ import annotations

import gemmi
import pytest

from napari_cryoai.core.amino_acids import BACKGROUND, LETTERS, NAMES, letter_of, name_of


def test_letters_and_names_are_those_of_the_pdb() -> None:
    assert len(set(LETTERS)) == len(set(NAMES)) == 20
    for letter, name in zip(LETTERS, NAMES, strict=True):
        assert gemmi.find_tabulated_residue(name).one_letter_code == letter
        assert letter_of(name) == letter
        assert name_of(letter) == name


def test_shares_add_up_and_leucine_is_the_most_common() -> None:
    assert BACKGROUND.sum() == pytest.approx(1)
    assert LETTERS[BACKGROUND.argmax()] == "L"
    assert LETTERS[BACKGROUND.argmin()] == "W"


@pytest.mark.parametrize(
    ("name", "letter"), [("MSE", "M"), ("hoh", "X"), ("UNK", "X"), ("lys", "K")]
)
def test_other_names(name: str, letter: str) -> None:
    assert letter_of(name) == letter


def test_other_letters_are_unknown() -> None:
    assert name_of("X") == name_of("*") == name_of("B") == "UNK"
    assert name_of("w") == "TRP"
