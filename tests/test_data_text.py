"""Words, vocabulary and token ids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxverify.data.text import RESERVED, build_vocabulary, encode, tokenize
from jaxverify.errors import UserError
from jaxverify.task.samples import NUM_RESERVED_TOKENS

words = st.text("abcdefgh", min_size=1, max_size=3)
sentences = st.lists(words, min_size=1, max_size=12).map(" ".join)


def test_words_are_lower_case_without_tags_or_punctuation():
    assert tokenize("It's GREAT<br /><br />-- 10/10, 'really'!<BR>End") == [
        "it's", "great", "10", "10", "really", "end",
    ]  # fmt: skip
    assert tokenize("") == tokenize(" <br /> ... ") == []


@given(st.text())
def test_every_word_is_a_text_of_one_word_itself(text):
    for word in tokenize(text):
        assert tokenize(word) == [word]


@given(st.text())
def test_no_word_is_a_reserved_entry(text):
    assert not set(RESERVED) & set(tokenize(text + " <pad> <unk>"))


def test_the_most_frequent_words_come_first_and_ties_are_alphabetical():
    texts = ["the cat the dog", "the cat sat", "zebra apple"]
    assert build_vocabulary(texts, size=6) == ("<pad>", "<unk>", "the", "cat", "apple", "dog")
    assert len(RESERVED) == NUM_RESERVED_TOKENS


@given(st.lists(sentences, min_size=1), st.randoms(), st.integers(3, 40))
def test_the_order_of_the_texts_does_not_matter(texts, random, size):
    shuffled = random.sample(texts, len(texts))
    vocabulary = build_vocabulary(texts, size)
    assert build_vocabulary(shuffled, size) == vocabulary
    distinct = {word for text in texts for word in text.split()}
    assert len(vocabulary) == min(size, len(distinct) + 2)
    assert len(set(vocabulary)) == len(vocabulary)


@given(st.lists(sentences, min_size=1), st.integers(3, 40), st.integers(1, 15))
def test_the_words_in_the_vocabulary_can_be_read_back_in_order(texts, size, max_length):
    vocabulary = build_vocabulary(texts, size)
    rows = encode(texts, vocabulary, max_length)
    assert rows.dtype == np.int32
    assert rows.shape == (len(texts), max_length)
    for text, row in zip(texts, rows, strict=True):
        kept = text.split()[:max_length]
        expected = [word if word in vocabulary else "<unk>" for word in kept]
        expected += ["<pad>"] * (max_length - len(kept))
        assert [vocabulary[token] for token in row] == expected


def test_texts_are_cut_and_padded_at_the_end():
    vocabulary = ("<pad>", "<unk>", "a", "b", "c")
    assert encode(["a b c", "c", ""], vocabulary, 2).tolist() == [[2, 3], [4, 0], [0, 0]]


@pytest.mark.parametrize("size", [2, 0, -1])
def test_a_vocabulary_without_room_for_a_word_is_refused(size):
    with pytest.raises(UserError, match=f"vocab_size is {size}"):
        build_vocabulary(["a"], size)


def test_texts_without_a_word_are_refused():
    with pytest.raises(UserError, match="hold no word"):
        build_vocabulary(["...", ""])


@pytest.mark.parametrize("max_length", [0, -3])
def test_a_length_of_no_words_is_refused(max_length):
    with pytest.raises(UserError, match=f"max_length is {max_length}"):
        encode(["a"], ("<pad>", "<unk>", "a"), max_length)
