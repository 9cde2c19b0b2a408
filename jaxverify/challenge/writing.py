"""Questions as a table, or of images as a folder."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from jaxverify.challenge.questions import ID
from jaxverify.data.parquet_writing import new_file
from jaxverify.errors import UserError
from jaxverify.rendering import ImageRendering, Rendering


def write_questions(columns: Mapping[str, list[Any]], rendering: Rendering, path: Path) -> None:
    """Write a CSV, JSON Lines or Parquet file, by the ending of its name; images to a folder too.

    Raises:
        UserError: if there is something already, or the name does not say what it is to be.
    """
    is_image = isinstance(rendering, ImageRendering)
    if is_image and path.suffix == "":
        return _write_folder(columns, rendering, path)
    table = pa.table({name: pa.array(_plain(values)) for name, values in columns.items()})
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        with new_file(path) as file:
            pq.write_table(table, file)
    elif suffix == ".csv" and not is_image:
        with new_file(path) as file:
            pc.write_csv(table, file)
    elif suffix == ".jsonl" and not is_image:
        with new_file(path) as file:
            file.writelines(f"{json.dumps(row)}\n".encode() for row in table.to_pylist())
    else:
        known = ".csv, .jsonl or .parquet"
        if is_image:
            known = ".parquet, or have no dot: then it is a folder"
        raise UserError(f"the name {path} must end in {known}")


def _write_folder(columns: Mapping[str, list[Any]], rendering: ImageRendering, path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} exists already: remove it, or give another path")
    (images,) = (values for name, values in columns.items() if name != ID)
    try:
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial"))
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): give another") from error
    try:
        for name, content in zip(columns[ID], images, strict=True):
            (folder / f"{name}{rendering.suffix}").write_bytes(content)
        folder.chmod(0o755)
        folder.rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plain(values: list[Any]) -> list[Any]:
    return [value.item() if isinstance(value, np.generic) else value for value in values]
