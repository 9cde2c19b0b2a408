"""What is printed of other people's text does nothing to a terminal."""

import pytest

from jaxverify.printable import printable

CONTROL = [chr(code) for code in (*range(32), *range(127, 160))]
DIRECTION = [
    *"\u061c\u200e\u200f",
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
]
OTHER = ["\u2028", "\u2029", "\ud800", "\udcff", "\udfff", "\ufeff", "\U000e0041"]


@pytest.mark.parametrize("character", [*CONTROL, *DIRECTION, *OTHER])
def test_characters_that_are_not_there_to_be_seen_are_escaped(character):
    shown = printable(f"a{character}b")
    assert character not in shown
    assert shown[:2] == "a\\"
    assert shown.encode().decode("unicode_escape") == f"a{character}b"


@pytest.mark.parametrize(
    "text",
    ["", "Größe 3 µm", "日本語 한국어", "می\u200cرود", "👩\u200d🔬", "a\u00a0b", "C:\\new\\x1b"],
)
def test_letters_signs_and_spaces_stay(text):
    assert printable(text) == text


def test_the_end_of_an_escape_sequence_stays_as_letters():
    assert printable("\x1b]0;title\x07\x9b2J") == "\\x1b]0;title\\x07\\x9b2J"
