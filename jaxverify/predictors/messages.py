"""What a model's process and ours say to each other: JSON and plain arrays, never a pickle."""

import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_LENGTH = struct.Struct(">Q")
_MOST_TEXT = 64 * 2**20
_MOST_BYTES = 256 * 2**20
_AXES = 32
# What is neither an array nor objects by class is no answer: an error names its type alone.
_OTHERS = {each.__name__: each for each in (list, tuple, dict, str, int, float, bool, type(None))}


def pack(head: Mapping[str, Any], values: Sequence[Any] = ()) -> bytes:
    """A message.

    Args:
        head: goes as JSON.
        values: arrays of numbers or texts, lists of objects with a number by class; of anything
            else the type alone. Of an array that repeats one number (:func:`outline`) that number.
    """
    packed = [_packed(value) for value in values]
    text = json.dumps({"head": head, "values": [spec for spec, _ in packed]}).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *(content for _, content in packed)])


def unpack(take: Callable[[int], bytes | bytearray]) -> tuple[dict[str, Any], list[Any]]:
    """The head and the values of a message, which need not be an honest one.

    Args:
        take: gives the next bytes, as many as it is asked for.

    Raises:
        OverflowError: if the message is larger than 64 MiB of text, or 256 MiB of numbers.
        ValueError: if it is no message.

    Guarantee: from any bytes it makes a dict and a list of arrays, or raises one of these; it runs
    nothing, and takes no more than a multiple of these sizes of memory.
    """
    (length,) = _LENGTH.unpack(take(_LENGTH.size))
    if length > _MOST_TEXT:
        raise OverflowError(f"{length:,} bytes of text")
    text = take(length)
    try:
        message = json.loads(bytes(text))
        head, specs = message["head"], message["values"]
        if not isinstance(head, dict) or not isinstance(specs, list):
            raise ValueError("no head or no values")
        left, values = _MOST_BYTES, []
        for spec in specs:
            size = _size(spec)
            left -= size
            if left < 0:
                raise OverflowError(f"more than {_MOST_BYTES:,} bytes of numbers")
            values.append(_unpacked(spec, bytearray(take(size))))
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"no message: {error}") from error
    return head, values


def outline(value: Any) -> Any:
    """An output without its numbers where these can be no answer: of more than two axes.

    >>> outline(np.arange(8).reshape(2, 2, 2)).shape
    (2, 2, 2)
    """
    if isinstance(value, np.ndarray) and value.ndim > 2 and value.dtype.kind in "biufc":
        return np.broadcast_to(np.zeros((), value.dtype), value.shape)
    return value


def _packed(value: Any) -> tuple[list[Any], bytes]:
    if isinstance(value, np.ndarray):
        shape = list(value.shape)
        if value.dtype.kind in "biufc" and value.ndim > 2 and not any(value.strides):
            return ["outline", value.dtype.str, shape], b""
        if value.dtype.kind in "biufc":
            return ["numbers", value.dtype.str, shape], value.tobytes()
        texts = value.ravel().tolist()
        if all(isinstance(each, str | bytes) for each in texts):
            return ["texts", shape, [_text(each) for each in texts]], b""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        try:
            rows = [{_text(key): float(score) for key, score in row.items()} for row in value]
        except (TypeError, ValueError, OverflowError, RuntimeError):
            return ["other", "list"], b""
        return ["objects", rows], b""
    return ["other", type(value).__name__], b""


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _size(spec: Any) -> int:
    """How many bytes follow for a value."""
    if not isinstance(spec, list) or not isinstance(spec[0], str):
        raise ValueError("no value")
    if spec[0] != "numbers":
        return 0
    return math.prod(_shape(spec[2])) * _dtype(spec[1]).itemsize


def _unpacked(spec: list[Any], content: bytearray) -> Any:
    match spec:
        case ["numbers", dtype, shape]:
            return np.frombuffer(content, _dtype(dtype)).reshape(_shape(shape))
        case ["outline", dtype, shape] if len(shape) > 2:
            return np.broadcast_to(np.zeros((), _dtype(dtype)), _shape(shape))
        case ["texts", shape, [*texts]] if all(isinstance(each, str) for each in texts):
            found = np.empty(len(texts), object)
            found[:] = texts
            return found.reshape(_shape(shape))
        case ["objects", [_, *_] as rows] if all(map(_is_object, rows)):
            return rows
        case ["other", str(name)]:
            return _OTHERS.get(name, object)()
    raise ValueError("no value")


def _is_object(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(score, float) for score in row.values())


def _dtype(name: Any) -> np.dtype:
    if not isinstance(name, str) or not re.fullmatch(r"[<>|][biufc]\d{1,2}", name):
        raise ValueError("no type of numbers")
    return np.dtype(name)


def _shape(axes: Any) -> tuple[int, ...]:
    if not isinstance(axes, list) or len(axes) > _AXES:
        raise ValueError("no shape")
    if not all(type(axis) is int and 0 <= axis < 2**62 for axis in axes):
        raise ValueError("no shape")
    return tuple(axes)
