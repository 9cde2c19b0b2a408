"""One way through a file of texts, and what it took: run by ``benchmarks.protect_rows``.

python -m benchmarks.protect_run make|plain|protect ROWS SOURCE OUT
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fresh_process import peak_bytes

_BATCH = 2**16
_COMPRESSION = "snappy"
_WORDS = 20_000  # that there are, of 2 to 9 letters
_LENGTHS = 30, 50  # words of a text


def make(rows: int, source: Path) -> None:
    """Texts of words as frequent as Zipf's law says, and a label of four."""
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    spelled = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(_WORDS)]
    words = np.array(spelled, object)
    ends = np.cumsum(1 / np.arange(1, _WORDS + 1))
    schema = pa.schema({"text": pa.string(), "label": pa.int64()})
    with pq.ParquetWriter(source, schema, compression=_COMPRESSION) as writer:
        for start in range(0, rows, _BATCH):
            size = min(_BATCH, rows - start)
            draws = rng.random((size, _LENGTHS[1])) * ends[-1]
            drawn = words[np.searchsorted(ends[:-1], draws)]
            lengths = rng.integers(_LENGTHS[0], _LENGTHS[1] + 1, size)
            texts = [" ".join(row[:length]) for row, length in zip(drawn, lengths, strict=True)]
            writer.write_table(pa.table({"text": texts, "label": rng.integers(0, 4, size)}))


def plain(source: Path, out: Path) -> None:
    """What pyarrow takes to read the file and to write it again, as it streams best."""
    with (
        pq.ParquetFile(source) as file,
        pq.ParquetWriter(out, file.schema_arrow, compression=_COMPRESSION) as writer,
    ):
        for batch in file.iter_batches(_BATCH):
            writer.write_batch(batch)


def main(way: str, rows: int, source: Path, out: Path) -> None:
    """Do it once and print the seconds without the start, and the memory at the peak."""
    if way == "protect":
        import jax

        from jaxverify.protect import protect

        jax.block_until_ready(jax.numpy.zeros(1))
    started = time.perf_counter()
    match way:
        case "make":
            make(rows, source)
        case "plain":
            plain(source, out)
        case "protect":
            protect(source, out, out.with_suffix(".json"), secret=bytes(32))  # pyright: ignore[reportPossiblyUnboundVariable]
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
