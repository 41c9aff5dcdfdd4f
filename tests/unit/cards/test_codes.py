"""Codes of cards: what people type is read, a wrong character is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cards.model.code import ALPHABET, RANDOM_BITS, code_of_bits, normalised
from shared.errors import InvalidRequest

CODES = st.integers(0, 2**RANDOM_BITS - 1).map(code_of_bits)


def test_the_alphabet_has_32_characters_and_none_that_looks_like_another() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


@given(CODES)
def test_a_code_is_read_as_it_is_shown_and_as_it_is_typed(code: str) -> None:
    plain = code.replace("-", "")
    assert len(plain) == 16
    for typed in (
        code,
        code.lower(),
        f"  {plain} ",
        " ".join(plain),
        plain.replace("0", "O"),
        plain.replace("1", "l"),
        plain.replace("1", "I"),
    ):
        assert normalised(typed) == plain


@given(CODES, st.integers(0, 15), st.integers(1, 31))
def test_every_single_wrong_character_is_refused(code: str, place: int, shift: int) -> None:
    plain = code.replace("-", "")
    wrong = ALPHABET[(ALPHABET.index(plain[place]) + shift) % 32]
    with pytest.raises(InvalidRequest) as refused:
        normalised(plain[:place] + wrong + plain[place + 1 :], "$.cards[0].code")
    assert refused.value.data["errors"][0]["path"] == "$.cards[0].code"


def test_two_neighbours_that_are_exchanged_are_found_nearly_always() -> None:
    """Of all pairs of neighbouring characters at all places of one code, the exchanges that the
    check character misses are at most one in 50."""
    missed = tried = 0
    for first in range(32):
        for second in range(32):
            if first == second:
                continue
            plain = code_of_bits((first << 5 | second) << 30).replace("-", "")
            exchanged = plain[:7] + plain[8] + plain[7] + plain[9:]
            tried += plain != exchanged
            try:
                missed += normalised(exchanged) != plain
            except InvalidRequest:
                continue
    assert tried > 900
    assert missed * 50 <= tried


@pytest.mark.parametrize("typed", ["", "7K2Q", "U" * 16, "é" * 16, "0" * 65, "0" * 17, "ß" * 16])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(InvalidRequest):
        normalised(typed)
