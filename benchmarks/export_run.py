"""One way to write a Parquet file of vectors, and what it took: run by ``benchmarks.scaling``.

python -m benchmarks.export_run make|copy|stream|memory ROWS SOURCE OUT
"""

import json
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pyarrow.parquet as pq

from benchmarks.fresh_process import peak_bytes
from jaxverify import ExtraTask, Samples, generate, keys, mix
from jaxverify.data.parquet import iter_samples
from jaxverify.files.row_groups import DICTIONARIES, RowGroups
from jaxverify.protect.export import export, to_table
from jaxverify.task.generation import generate_batches

FEATURES = 32
_NUM_CLASSES = 10
_BATCH = 2**16
_KEY = jax.random.key(0)


def make(rows: int, out: Path) -> None:
    """A source: vectors and labels drawn batch by batch."""
    key = keys.stream(_KEY, "source")
    with out.open("wb") as file, RowGroups(file, _BATCH) as row_groups:
        for batch, start in enumerate(range(0, rows, _BATCH)):
            feature_key, label_key = jax.random.split(jax.random.fold_in(key, batch))
            size = min(_BATCH, rows - start)
            features = np.asarray(jax.random.uniform(feature_key, (_BATCH, FEATURES)))[:size]
            labels = np.asarray(jax.random.randint(label_key, (_BATCH,), 0, _NUM_CLASSES))[:size]
            row_groups.write(to_table(Samples(features, labels)))


def copy(source: Path, out: Path) -> None:
    """What pyarrow takes to read the file and to write it again, as it streams best."""
    with (
        pq.ParquetFile(source) as file,
        pq.ParquetWriter(out, file.schema_arrow, use_dictionary=DICTIONARIES) as writer,
    ):
        for batch in file.iter_batches(_BATCH):
            writer.write_batch(batch)


def stream(rows: int, source: Path, out: Path) -> None:
    """Mixing and export, streamed."""
    extra = generate_batches(keys.stream(_KEY, "extra task"), _task(rows))
    export(keys.stream(_KEY, "mixing"), iter_samples(source, _BATCH), extra, out)


def memory(rows: int, source: Path, out: Path) -> None:
    """The same with all samples in memory at once."""
    batches = zip(*iter_samples(source, _BATCH), strict=True)
    dataset = Samples(*map(np.concatenate, batches))
    extra = generate(keys.stream(_KEY, "extra task"), _task(rows))
    mixed = mix(keys.stream(_KEY, "mixing"), dataset, extra)
    pq.write_table(to_table(mixed.samples), out, row_group_size=_BATCH, use_dictionary=DICTIONARIES)


def _task(rows: int) -> ExtraTask:
    return ExtraTask("vector", (FEATURES,), _NUM_CLASSES, num_samples=-(-rows * 8 // 1000))


def main(way: str, rows: int, source: Path, out: Path) -> None:
    """Do it once and print the seconds, the memory at the peak and the size of the file."""
    jax.block_until_ready(jax.numpy.zeros(1))  # JAX's own start is not what is measured
    idle = peak_bytes()
    started = time.perf_counter()
    match way:
        case "make":
            make(rows, out)
        case "copy":
            copy(source, out)
        case "stream":
            stream(rows, source, out)
        case "memory":
            memory(rows, source, out)
    seconds = time.perf_counter() - started
    with pq.ParquetFile(out) as file:
        written = file.metadata.num_rows
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak_bytes": peak_bytes(),
                "idle_bytes": idle,
                "file_bytes": out.stat().st_size,
                "rows": written,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
