"""A model of others in a process of its own, with limits of time and memory."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxverify.errors import UserError
from jaxverify.predictors.messages import pack
from jaxverify.predictors.model import Input, Model
from jaxverify.predictors.process import Limits, Process

Runtime = Literal["onnx", "torch"]

_MOST_NAMES, _MOST_AXES = 100_000, 64
_NEEDED = {
    "onnx": ("onnxruntime", "an ONNX file needs ONNX Runtime: pip install 'jaxverify[onnx]'"),
    "torch": ("torch", "a PyTorch model needs PyTorch: pip install 'jaxverify[torch]'"),
}


def check_installed(runtime: Runtime) -> None:
    """See that there is what runs a model, without loading it.

    Raises:
        UserError: if there is not.
    """
    package, words = _NEEDED[runtime]
    if find_spec(package) is None:
        raise UserError(f"{words}, or take --predictions")


def open_isolated(runtime: Runtime, path: Path, content: bytes, limits: Limits) -> Model:
    """A model in a process of its own, which ends with the model's last reference.

    The process gets no variables of the environment but those that it needs, and none of our open
    files; what it prints is not shown. It runs as the same user, so a model that is out for harm
    still reads the files that this user reads, and reaches the network. Memory is bounded where
    the system bounds it, as Linux does.

    Args:
        runtime: what runs it.
        path: what errors call the file.
        content: of the file.
        limits: of each answer, too.

    Raises:
        UserError: if it breaks a limit, crashes, or gives what is no answer; as the runtime's
            ``open_onnx`` or ``open_torch`` does. Later, where the model is asked, likewise.

    Guarantee: whatever the model does, this process gets its inputs and outputs, or a UserError,
    within the time; no pickle is read. After an error of limits no process is left.
    """
    process = Process(path, limits)
    head = {"runtime": runtime, "path": str(path), "size": len(content)}
    head |= {"seconds": limits.seconds, "memory": limits.num_bytes}
    inputs = process.ask([pack(head), content], "to open", "raise --timeout", _inputs)
    fixed = Model(inputs, lambda _: {}).size is not None

    def run(arrays: Sequence[np.ndarray]) -> dict[str, Any]:
        count = len(arrays[0])
        remedy = "raise --timeout" + (" or lower --batch-size" if count > 1 and not fixed else "")
        words = f"for {count} question{'s' if count > 1 else ''}"
        return process.ask([pack({}, arrays)], words, remedy, _outputs)

    return Model(inputs, run)


def _inputs(head: dict[str, Any], values: list[Any]) -> tuple[Input, ...]:
    found = [Input(name, _axes(shape), dtype) for name, shape, dtype in head["inputs"]]
    _check_names([each.name for each in found])
    _check_names([each.dtype for each in found])
    return tuple(found)


def _axes(shape: Any) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    if len(shape) > _MOST_AXES:
        raise ValueError("too many axes")
    if not all(axis is None or (type(axis) is int and 0 <= axis < 2**62) for axis in shape):
        raise ValueError("no shape")
    return tuple(shape)


def _outputs(head: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    _check_names(head["outputs"])
    return dict(zip(head["outputs"], values, strict=True))


def _check_names(names: Any) -> None:
    if not isinstance(names, list) or len(names) > _MOST_NAMES:
        raise ValueError("no names")
    if not all(isinstance(each, str) for each in names):
        raise ValueError("no names")
