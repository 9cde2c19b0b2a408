"""Answers from a model in an ONNX file, by ONNX Runtime."""

# pyright: reportMissingImports=false
# It is an extra, which the environment that is checked lacks.

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxverify.errors import DataError, UserError
from jaxverify.predictors.model import Input, Model, reason

# ONNX's names of types, where NumPy's are others.
_DTYPES = {"float": "float32", "double": "float64", "string": "str"}


def open_onnx(path: Path, content: bytes) -> Model:
    """A model in an ONNX file, in this process: see :mod:`jaxverify.predictors.isolated`.

    Args:
        path: what errors call the file.
        content: of the file, in which its weights are too: what lies in other files would be in no
            digest of it.

    Raises:
        UserError: later, if the model fails at a question.
        DataError: if the file is damaged, or keeps weights in another file.

    Guarantee: it runs on one thread of the CPU, the operations one after the other, so that a
    question has the same answer every time.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what is wrong is said once, by the error
    # Where weights in other files are looked for: a folder that nowhere exists.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a dozen, with no common base
        if "External data path" in str(error):
            raise DataError(
                f"{path} keeps its weights in another file: export it with external_data=False, or "
                "let onnx.load and onnx.save make one file of them"
            ) from error
        raise DataError(f"{path} cannot be opened as an ONNX file ({reason(error)})") from error
    names = [output.name for output in session.get_outputs()]
    inputs = tuple(_input(each) for each in session.get_inputs())

    def run(arrays: Sequence[np.ndarray]) -> dict[str, Any]:
        given = {each.name: array for each, array in zip(inputs, arrays, strict=True)}
        try:
            return dict(zip(names, session.run(names, given), strict=True))
        except Exception as error:
            raise UserError(f"{path} failed at a question ({reason(error)})") from error

    return Model(inputs, run)


def _input(given: Any) -> Input:
    match = re.fullmatch(r"tensor\((\w+)\)", given.type)
    if match is None:
        raise UserError(f"the model's input {given.name} is no tensor but {given.type}")
    # Some exporters write -1 for any length.
    shape = tuple(axis if isinstance(axis, int) and axis >= 0 else None for axis in given.shape)
    return Input(given.name, shape, _DTYPES.get(match[1], match[1]))
