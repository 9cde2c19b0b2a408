"""What a model's process says: it comes back as it was, and nothing else does harm."""

import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxverify.predictors.messages import outline, pack, unpack

SCORES = np.array([[0.25, np.nan], [np.inf, -0.0]])


def reader(content):
    stream = io.BytesIO(content)

    def take(count):
        found = stream.read(count)
        if len(found) < count:
            raise EOFError
        return found

    return take


def there_and_back(*values):
    return unpack(reader(pack({}, values)))[1]


def message(*specs, content=b"", head=None):
    text = json.dumps({"head": head or {}, "values": specs}).encode()
    return struct.pack(">Q", len(text)) + text + content


@given(
    arrays.arrays(
        arrays.boolean_dtypes()
        | arrays.integer_dtypes()
        | arrays.unsigned_integer_dtypes()
        | arrays.floating_dtypes()
        | arrays.complex_number_dtypes(),
        arrays.array_shapes(min_dims=0, min_side=0),
    )
)
def test_numbers_come_back_as_they_were(array):
    (found,) = there_and_back(array)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable or not array.size  # or PyTorch warns


@pytest.mark.parametrize(
    "array", [SCORES.T, SCORES[::-1], SCORES[:, :1], np.asfortranarray(SCORES), SCORES[:0]]
)
def test_numbers_that_lie_apart_come_back_in_order(array):
    np.testing.assert_array_equal(there_and_back(array)[0], array)


@pytest.mark.parametrize(
    "texts", [["a", ""], ["gr\xfcn", "\U0001f600"], ["\udc80", "\x00\n"], [b"\xffa", "b"], []]
)
@pytest.mark.parametrize("column", [False, True])
def test_texts_come_back_and_bytes_as_texts(texts, column):
    array = np.array(texts, object)
    array = array[:, None] if column else array
    (found,) = there_and_back(array)
    wanted = [t.decode(errors="replace") if isinstance(t, bytes) else t for t in texts]
    assert found.dtype == object
    assert found.shape == array.shape
    assert found.ravel().tolist() == wanted


def test_objects_come_back_as_numbers_by_text_and_of_others_the_type():
    rows = [{"a": np.float32(0.5), 2: 1}, {}]
    assert there_and_back(rows) == [[{"a": 0.5, "2": 1.0}, {}]]
    (row,) = there_and_back([{"a": float("nan")}])[0]
    assert np.isnan(row["a"])
    others = [[], [1], [{"a": "b"}], (1,), {"a": 1}, "x", 3, 0.5, True, None]
    found = there_and_back(*others)
    assert [type(each) for each in found] == [type(each) for each in others]
    assert type(there_and_back(st)[0]) is object
    assert type(there_and_back(np.array([1, "a", None], object))[0]) is object


def test_of_what_can_be_no_answer_the_outline_goes_alone():
    large = np.zeros((64, 128, 128), np.float32)
    content = pack({}, [outline(large)])
    assert len(content) < 1000
    (found,) = unpack(reader(content))[1]
    assert (found.shape, found.dtype) == (large.shape, large.dtype)
    assert outline(SCORES) is SCORES


NUMBERS = ["numbers", "<f8", [2]]


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">Q", 2) + b"{}",
        struct.pack(">Q", 2) + b"[]",
        struct.pack(">Q", 2) + b"\xff\xff",
        struct.pack(">Q", 200_000) + b"[" * 200_000,
        struct.pack(">Q", 6000) + b"1" * 6000,
        message(head=[1]),
        *map(message, [None, [], 3, "numbers", ["numbers"], ["pickle", "x"], [["numbers"]]]),
        *(
            message(["numbers", dtype, [2]], content=bytes(64))
            for dtype in ("O", "|O8", "<M8[s]", "<U2", "<f3", "f8,f8", "V8", None, 3, "<f8" * 9)
        ),
        *(
            message(["numbers", "<f8", shape], content=bytes(64))
            for shape in (None, 2, "ab", [-1], [True], [1.0], [None], [1] * 33, [2**63], [[1]])
        ),
        message(["numbers", "<f8", [0, 2**61, 2**61]]),
        *(
            message(["outline", "<f8", shape])
            for shape in ([], [10**12], [10**12, 2], [2**61] * 3, None, 3)
        ),
        message(["outline", "|O8", [1, 1, 1]]),
        message(["texts", [2], ["a"]]),
        message(["texts", [1], [3]]),
        message(["texts", [1], "a"]),
        message(["objects", []]),
        message(["objects", [3]]),
        message(["objects", [{"a": "b"}]]),
        message(["objects", [{"a": 10**400}]]),
        message(["other", 3]),
        message(["other", []]),
    ],
)
def test_what_is_no_message_is_an_error(content):
    with pytest.raises(ValueError, match=r".+"):
        unpack(reader(content))


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">Q", 2**64 - 1),
        struct.pack(">Q", 2**26 + 1),
        message(["numbers", "<f8", [2**25 + 1]]),
        message(["numbers", "<f8", [2**61, 2**61]]),
        message(*[["numbers", "|u1", [2**27]]] * 3),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_read(content):
    taken = []

    def take(count):
        taken.append(count)
        return reader_of(count) if count < 2**27 else bytes(count)

    reader_of = reader(content)
    with pytest.raises(OverflowError):
        unpack(take)
    assert sum(taken) <= 2**28 + len(content)


HONEST = pack(
    {"outputs": ["y"]},
    [SCORES, np.array(["a", "b"], object), [{"a": 0.5}], outline(np.zeros((2, 2, 2))), None],
)


@given(st.lists(st.tuples(st.integers(8, len(HONEST) - 1), st.binary(min_size=1, max_size=4))))
def test_a_damaged_message_is_read_or_an_error_of_these(changes):
    content = bytearray(HONEST)
    for place, new in changes:
        content[place : place + len(new)] = new
    try:
        head, values = unpack(reader(bytes(content)))
    except (ValueError, OverflowError, EOFError):
        return
    assert isinstance(head, dict)
    assert isinstance(values, list)
