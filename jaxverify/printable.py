"""Text from elsewhere, safe to print: a terminal obeys some characters instead of showing them."""

import unicodedata

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, lone surrogates, line separators
_JOINERS = "\u200c\u200d"  # format characters that words and emoji are written with


def printable(text: str) -> str:
    r"""The text on one line, with an escape for each character that is not there to be seen.

    Args:
        text: from a file, a server or a command line.

    Guarantee: what comes back holds no control character, no character that changes the direction
    of the text, no line break and no lone surrogate, so that it can be printed and encoded; all
    letters, signs and spaces stay.

    >>> printable("Größe 3\x1b[2J\n")
    'Größe 3\\x1b[2J\\n'
    >>> print(printable("\u202eexe.txt"))
    \u202eexe.txt
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(each) if _is_unseen(each) else each for each in text)


def _is_unseen(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in _UNSEEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
