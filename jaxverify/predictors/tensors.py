"""From questions to the arrays that a model in a file takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped, UInt8

from jaxverify.data.images import decode
from jaxverify.errors import UserError
from jaxverify.predictors.model import Input


@dataclass(frozen=True)
class Pixels:
    """What was done to pixels before the model saw them; of models that take decimals alone.

    Attributes:
        span: "0-1", pixels divided by 255, or "0-255".
        mean: what is subtracted then, of each channel, or of all; nothing without it.
        std: what is divided by at last, of each channel, or of all.
        layout: where the channels are, behind n: "nchw" or "nhwc"; as the input's shape tells
            without it.
    """

    span: Literal["0-1", "0-255"] = "0-1"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Literal["nchw", "nhwc"] | None = None

    def __post_init__(self) -> None:
        if not np.isfinite([*self.mean, *self.std]).all() or any(each <= 0 for each in self.std):
            raise UserError(
                f"the mean is {self.mean} and the std {self.std}: give numbers, and a std above 0"
            )

    def of(self, images: UInt8[np.ndarray, "n h w c"], dtype: str) -> Shaped[np.ndarray, "n h w c"]:
        """Images as a model of this type takes them.

        Raises:
            UserError: if there is not one mean for each channel; or one at all, and the model takes
                whole numbers.

        >>> Pixels(mean=(0.5,)).of(np.array([[[[0], [255]]]], np.uint8), "float32").ravel()
        array([-0.5,  0.5], dtype=float32)
        """
        if np.dtype(dtype).kind != "f":
            if replace(self, layout=None) != Pixels():
                raise UserError(f"the model takes pixels as {dtype}: leave out what is to be done")
            return images.astype(dtype)
        # In the order and precision of torchvision, so that scores agree to the last digit.
        found = images.astype(np.promote_types(dtype, np.float32))
        if self.span == "0-1":
            found /= 255
        for values, operator in ((self.mean, np.subtract), (self.std, np.divide)):
            if len(values) not in (0, 1, images.shape[-1]):
                raise UserError(
                    f"{', '.join(map(str, values))} are {len(values)} numbers, and the images have "
                    f"{images.shape[-1]} channels: give one for each, or one for all"
                )
            if values:
                found = operator(found, np.array(values, found.dtype).reshape(1, 1, 1, -1))
        return found.astype(dtype)


def arrays(
    columns: Mapping[str, list[Any]], inputs: Sequence[Input], pixels: Pixels
) -> list[np.ndarray]:
    """An array for each input, of its dtype; the first axis counts questions.

    Images go to an input of four axes, channels before or behind the pixels as its shape tells, or
    as ``pixels`` says; grey ones become RGB where three channels are wanted. Texts
    go to an input of shape [n] or [n, 1]. Numbers go to one input of shape [n, columns], or each
    column to the input of its name.

    Args:
        columns: of the questions, all of one length: texts, numbers, or images as encoded bytes.
        inputs: of the model.
        pixels: what is done to pixels.

    Raises:
        UserError: if the inputs do not take such questions, or do not tell where the channels are.

    Guarantee: nothing is resized, cut off or made a whole number; what does not fit is an error
    that names the inputs.
    """
    values = next(iter(columns.values()))
    if isinstance(values[0], bytes):
        return [_images(values, inputs, pixels)]
    if isinstance(values[0], str):
        return [_texts(values, inputs)]
    return _numbers(columns, inputs)


def _images(contents: list[bytes], inputs: Sequence[Input], pixels: Pixels) -> np.ndarray:
    images = decode(contents, "the questions")
    _, height, width, channels = images.shape
    wanted = [channels, 3] if channels == 1 else [channels]
    if len(inputs) == 1 and inputs[0].is_numeric:
        (given,) = inputs
        for count in wanted:
            layouts = {"nchw": (count, height, width), "nhwc": (height, width, count)}
            fitting = [
                layout
                for layout, axes in layouts.items()
                if pixels.layout in (None, layout) and _fits(given, axes)
            ]
            if len(fitting) > 1:
                raise UserError(
                    f"the model takes {given}, which does not tell whether the channels stand "
                    "before the pixels or behind them: say --layout nchw or --layout nhwc"
                )
            if fitting:
                ready = pixels.of(np.broadcast_to(images, (*images.shape[:3], count)), given.dtype)
                if fitting == ["nchw"]:
                    return np.ascontiguousarray(ready.transpose(0, 3, 1, 2))
                return ready
    raise _unfit(
        inputs,
        f"images of {height} x {width} pixels and {channels} channels",
        "export it so that it takes them as they are",
    )


def _texts(texts: list[str], inputs: Sequence[Input]) -> np.ndarray:
    if len(inputs) == 1 and inputs[0].dtype == "str":
        if _fits(inputs[0], ()):
            return np.array(texts, object)
        if _fits(inputs[0], (1,)):
            return np.array(texts, object)[:, None]
    raise _unfit(
        inputs, "texts", "export it with its tokenizer, or ask it by a file or an endpoint"
    )


def _numbers(columns: Mapping[str, list[Any]], inputs: Sequence[Input]) -> list[np.ndarray]:
    if all(given.is_numeric for given in inputs):
        if len(inputs) == 1 and _fits(inputs[0], (len(columns),)):
            return [np.column_stack([_cast(values, inputs[0]) for values in columns.values()])]
        if {given.name for given in inputs} == set(columns):
            found = [_cast(columns[given.name], given) for given in inputs]
            if all(_fits(given, (1,)) for given in inputs):
                return [column[:, None] for column in found]
            if all(_fits(given, ()) for given in inputs):
                return found
    names = ", ".join(columns)
    raise _unfit(
        inputs,
        f"the {len(columns)} columns {names if len(names) < 200 else names[:200] + ' ...'}",
        "export it with one input for all of them, or one for each, by its name",
    )


def _cast(values: list[Any], given: Input) -> np.ndarray:
    column = np.asarray(values)
    found = column.astype(given.dtype)
    if found.dtype.kind in "iu" and (found != column).any():
        odd = column[found != column][0]
        raise UserError(
            f"the model takes {given}, and a question has {odd}: export it for decimals"
        )
    return found


def _fits(given: Input, axes: tuple[int, ...]) -> bool:
    """Whether an input takes arrays of these axes behind the first."""
    if given.shape is None:
        return True
    return len(given.shape) == 1 + len(axes) and all(
        length in (None, axis) for length, axis in zip(given.shape[1:], axes, strict=True)
    )


def _unfit(inputs: Sequence[Input], questions: str, remedy: str) -> UserError:
    shown = "; ".join(map(str, inputs[:8])) + ("; ..." if len(inputs) > 8 else "")
    return UserError(f"the model takes {shown}, but the questions are {questions}: {remedy}")
