"""Answers from a PyTorch model, from a file that runs no pickle."""

# pyright: reportMissingImports=false
# It is an extra, which the environment that is checked lacks.

import io
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxverify.errors import DataError, UserError
from jaxverify.predictors.model import Input, Model, reason

if TYPE_CHECKING:
    import torch

# All that an exported program is made of. What else torch.export.load knows are pickled objects,
# which it opens whatever it is told, and compiled libraries.
_SOUND = re.compile(
    r"archive_(format|version)|byteorder|(\.data|extra)/.*|models/model\.json"
    r"|data/sample_inputs/model\.pt|data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)"
)
_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def open_torch(path: Path, content: bytes) -> Model:
    """A model that ``torch.export.save`` or ``torch.jit.save`` wrote, in this process.

    Both files are programs. No pickle is run: TorchScript has none but PyTorch's own reader, which
    makes tensors and the file's own classes; and what ``torch.export.load`` would unpickle is read
    as weights alone, or refused with the file. But an exported program becomes Python code, by ways
    that PyTorch does not guard (it calls the format unsafe), and TorchScript can read and write
    files. :mod:`jaxverify.predictors.isolated` keeps it from our memory, environment and terminal,
    but not from the user's files: so open a file of somebody you do not trust where it can do no
    harm, or ask for ONNX.

    Args:
        path: what errors call the file.
        content: of the file.

    Raises:
        UserError: later, if the model fails at a question.
        DataError: if the file is damaged, or holds anything pickled but weights.

    Guarantee: no pickle in the file is run, and the model answers as it does in evaluation; an
    exported program in the mode in which it was exported.
    """
    import torch

    open_model = {"pt2": _exported, "script": _scripted}[_form(content, path)]
    try:
        with _without_pickles():
            inputs, call = open_model(content, path)
    except DataError:
        raise
    except Exception as error:  # by damage PyTorch raises many
        raise DataError(f"{path} cannot be opened by PyTorch ({reason(error)})") from error

    def run(arrays: Sequence[np.ndarray]) -> dict[str, Any]:
        try:
            with torch.inference_mode():
                found = call(*map(torch.from_numpy, arrays))
            if isinstance(found, Mapping):
                return {str(name): _plain(each) for name, each in found.items()}
            several = found if isinstance(found, tuple | list) else [found]
            return {f"output {i}": _plain(each) for i, each in enumerate(several)}
        except Exception as error:
            raise UserError(f"{path} failed at a question ({reason(error)})") from error

    return Model(inputs, run)


def _form(content: bytes, path: Path) -> str:
    names: list[str] = []
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    if "archive_format" in names:
        return "pt2"
    if "constants.pkl" in names:
        return "script"
    what = "holds a pickle, which would run" if "data.pkl" in names else "is no PyTorch program"
    raise DataError(
        f"{path} {what}: where the model is known, write it with torch.export.save("
        "torch.export.export(model.eval(), (sample,)), 'model.pt2')"
    )


def _exported(content: bytes, path: Path) -> tuple[tuple[Input, ...], Any]:
    import torch
    from torch.export.pt2_archive import PT2ArchiveReader

    # The reader that loads it, so that both see the same names.
    for name in PT2ArchiveReader(io.BytesIO(content)).get_file_names():
        if not _SOUND.fullmatch(name):
            raise DataError(f"{path} holds {name}, which is neither program nor weights: refused")
    program = torch.export.load(io.BytesIO(content))
    wanted = program.graph_signature.user_inputs
    values = {node.name: node.meta["val"] for node in program.graph.nodes if node.name in wanted}
    return tuple(_input(name, values[name]) for name in wanted), program.module()


def _input(name: str, value: "torch.Tensor") -> Input:
    shape = tuple(axis if isinstance(axis, int) else None for axis in value.shape)
    return Input(name, shape, str(value.dtype).removeprefix("torch."))


def _scripted(content: bytes, path: Path) -> tuple[tuple[Input, ...], Any]:
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
        model = torch.jit.load(io.BytesIO(content), map_location="cpu").eval()
    # The file tells no shapes and no types; a model takes what its parameters are.
    dtypes = [p.dtype for p in model.parameters() if p.is_floating_point()]
    dtype = str(dtypes[0] if dtypes else torch.float32).removeprefix("torch.")
    names = [argument.name for argument in model.forward.schema.arguments[1:]]
    return tuple(Input(name, None, dtype) for name in names), model


def _plain(value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    return (value.double() if value.is_floating_point() else value).numpy()


@contextmanager
def _without_pickles() -> Iterator[None]:
    """Where ``torch.load`` reads weights alone, even where its caller says otherwise, and silently.

    ``torch.export.load`` reads what it cannot read as weights once more as a pickle, and logs it.
    """
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = "1"
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        if before is None:
            del os.environ[_WEIGHTS_ONLY]
        else:
            os.environ[_WEIGHTS_ONLY] = before
