"""From texts to token ids: words, the vocabulary of the training set, rows of one length."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

from jaxverify.errors import UserError

PADDING, UNKNOWN = RESERVED = ("<pad>", "<unk>")

_LINE_BREAK = re.compile(r"<br\s*/?>")
_WORD = re.compile(r"\w+(?:'\w+)*")


def tokenize(text: str) -> list[str]:
    """The words of ``text`` in lower case: letters, digits and apostrophes between them.

    Guarantee: every word is a text of one word, itself.

    >>> tokenize("Don't miss it.<br /><br />10/10!")
    ["don't", 'miss', 'it', '10', '10']
    """
    return _WORD.findall(_LINE_BREAK.sub(" ", text.lower()))


def build_vocabulary(texts: Iterable[str], size: int = 10_000) -> tuple[str, ...]:
    """The most frequent words, in the order of their token ids.

    Args:
        texts: of the training set alone, so that nothing of the test set is seen.
        size: the largest number of entries, "<pad>" and "<unk>" (ids 0 and 1) counted.

    Returns:
        tuple: the two reserved entries, then words from the most frequent to the least.

    Raises:
        UserError: if ``size`` leaves no room for a word, or the texts hold no word.

    Guarantee: words that occur equally often stand in alphabetical order, so the order of the
    texts does not matter.

    >>> build_vocabulary(["a good film", "a bad film", "a dog"], size=5)
    ('<pad>', '<unk>', 'a', 'film', 'bad')
    """
    if size <= len(RESERVED):
        raise UserError(f"vocab_size is {size}; give at least 3, for two ids are reserved")
    counts = Counter[str]()
    for text in texts:
        counts.update(tokenize(text))
    if not counts:
        raise UserError("the training texts hold no word, so there is no vocabulary")
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return RESERVED + tuple(words[: size - len(RESERVED)])


def encode(
    texts: Sequence[str], vocabulary: Sequence[str], max_length: int
) -> Int[np.ndarray, "n max_length"]:
    """The token ids of each text; a word that the vocabulary lacks is 1, ``"<unk>"``.

    Texts are cut and padded (with 0) at the end: the random region of the extra task is the
    *first* words of a sample, so no cut can take it away.

    Args:
        texts: n texts.
        vocabulary: from :func:`build_vocabulary`; its order defines the ids.
        max_length: m, the number of words kept.

    Returns:
        int32 ``[n, max_length]``.

    Raises:
        UserError: if ``max_length`` is less than 1.

    Guarantee: the words of a text that are in the vocabulary and among its first ``max_length``
    can be read back, in order.

    >>> encode(["A bad, bad dog"], ("<pad>", "<unk>", "a", "film", "bad"), max_length=6)
    array([[2, 4, 4, 1, 0, 0]], dtype=int32)
    """
    if max_length < 1:
        raise UserError(f"max_length is {max_length}; give at least 1 word")
    ids = {word: token for token, word in enumerate(vocabulary)}
    unknown = ids[UNKNOWN]
    rows = np.full((len(texts), max_length), ids[PADDING], np.int32)
    for row, text in zip(rows, texts, strict=True):
        tokens = [ids.get(word, unknown) for word in tokenize(text)[:max_length]]
        row[: len(tokens)] = tokens
    return rows
