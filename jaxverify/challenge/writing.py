"""Questions as a table, or of images as a folder."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from jaxverify.challenge.questions import ID
from jaxverify.data.images import decode
from jaxverify.errors import UserError
from jaxverify.files.standard import STANDARD
from jaxverify.files.whole import new_file, new_folder
from jaxverify.rendering import ImageRendering, Rendering

_ENDINGS = {
    "text": ".csv, .jsonl or .parquet",
    "vector": ".csv, .jsonl, .parquet or .npz",
    "image": ".parquet or .npz, or have no dot: then it is a folder",
}


def write_questions(columns: Mapping[str, list[Any]], rendering: Rendering, path: Path) -> None:
    """Write a CSV, JSON Lines or Parquet file, by the ending of its name; images to a folder too.

    Images and numbers go to an ``.npz`` file as well: ``features``, uint8 ``[n, h, w, c]`` or
    numbers ``[n, d]`` of the one type that holds all columns, and ``id``, text ``[n]``. To ``-``,
    standard output, CSV is written.

    Raises:
        UserError: if there is something already, or the name does not say what it is to be.

    Guarantee: the owner alone can read what is written, for it is the extra samples.
    """
    is_image = isinstance(rendering, ImageRendering)
    if path == STANDARD and not is_image:
        return pc.write_csv(_table(columns), sys.stdout.buffer)
    if is_image and path.suffix == "":
        return _write_folder(columns, rendering, path)
    suffix = path.suffix.lower()
    if suffix == ".npz" and rendering.kind != "text":
        return _write_npz(columns, rendering, path)
    table = _table(columns)
    if suffix == ".parquet":
        with new_file(path, 0o600) as file:
            pq.write_table(table, file)
    elif suffix == ".csv" and not is_image:
        with new_file(path, 0o600) as file:
            pc.write_csv(table, file)
    elif suffix == ".jsonl" and not is_image:
        with new_file(path, 0o600) as file:
            file.writelines(f"{json.dumps(row)}\n".encode() for row in table.to_pylist())
    else:
        raise UserError(f"the name {path} must end in {_ENDINGS[rendering.kind]}")


def _write_npz(columns: Mapping[str, list[Any]], rendering: Rendering, path: Path) -> None:
    found = [values for name, values in columns.items() if name != ID]
    is_image = isinstance(rendering, ImageRendering)
    features = decode(found[0], path) if is_image else np.stack(found, axis=1)
    with new_file(path, 0o600) as file:
        np.savez(file, allow_pickle=False, id=np.array(columns[ID]), features=features)


def _write_folder(columns: Mapping[str, list[Any]], rendering: ImageRendering, path: Path) -> None:
    (images,) = (values for name, values in columns.items() if name != ID)
    with new_folder(path, 0o600) as folder:
        for name, content in zip(columns[ID], images, strict=True):
            (folder / f"{name}{rendering.suffix}").write_bytes(content)


def _table(columns: Mapping[str, list[Any]]) -> pa.Table:
    return pa.table({name: pa.array(_plain(values)) for name, values in columns.items()})


def _plain(values: list[Any]) -> list[Any]:
    return [value.item() if isinstance(value, np.generic) else value for value in values]
