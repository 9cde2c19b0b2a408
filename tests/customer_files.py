"""Files as customers have them: tables of reviews, and trees of images."""

import csv
import io
import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from jaxverify.task.options import PROTECTING, TaskOptions

WORDS = [f"w{i}" for i in range(300)]


def reviews(n=400, seed=0):
    """Texts with columns that number, name, date and describe them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    seconds = 1_600_000_000 + 60 * np.sort(rng.choice(10**6, n, replace=False))
    return {
        "number": np.arange(1, n + 1),
        "user": [f"user-{i:05d}" for i in rng.choice(90_000, n, replace=False)],
        "text": [" ".join(rng.choice(WORDS, 60)) for _ in range(n)],
        "label": labels,
        "sentiment": [("bad", "good")[label] for label in labels],
        "stars": rng.integers(1, 6, n),
        "time": pa.array(seconds, pa.timestamp("s")),
    }


def write_table(path, columns):
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="gzip", row_group_size=100)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(table.column_names)
            writer.writerows([row.values() for row in table.to_pylist()])
    else:
        plain = [{**row, "time": str(row["time"])} for row in table.to_pylist()]
        path.write_text("".join(json.dumps(row) + "\n" for row in plain))
    return path


def read_table(path):
    """Rows as text, whatever the format."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    elif path.suffix in (".csv", ".tsv"):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: str(value) for name, value in row.items()} for row in rows]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def encoded(pixels, form="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def image_tree(folder, n=60, form="PNG", suffix=".png", side=16, **options):
    """Three classes of images, and a few of another size."""
    for i in range(n):
        name = folder / f"class{i % 3}" / f"IMG_{i}{suffix}"
        name.parent.mkdir(parents=True, exist_ok=True)
        size = (side, side, 3) if i % 10 else (20, 12, 3)
        name.write_bytes(encoded(noise(*size, seed=i), form, **options))
    return folder


def split_options(**options: Any) -> dict[str, Any]:
    """What ``protect`` takes, where those of the extra task are given by their names."""
    names = {field.name for field in fields(TaskOptions)}
    of_task = {name: options.pop(name) for name in names & set(options)}
    return {"options": replace(PROTECTING, **of_task), **options}
