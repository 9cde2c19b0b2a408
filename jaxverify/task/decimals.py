"""Numbers as people write them."""

from fractions import Fraction


def exact(number: float) -> Fraction:
    """The decimal that was written: 0.07 is 7/100, not the binary number next to it.

    >>> exact(0.07)
    Fraction(7, 100)
    """
    return Fraction(repr(float(number)))
