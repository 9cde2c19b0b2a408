"""Which format a path is of."""

from collections.abc import Callable
from pathlib import Path

from jaxverify.errors import DataError
from jaxverify.files.names import check_name
from jaxverify.protect.image_tree import ImageTree
from jaxverify.protect.npz import NpzRows
from jaxverify.protect.parquet_folder import ParquetFolder
from jaxverify.protect.rows import Rows
from jaxverify.protect.tables import CsvRows, JsonLinesRows, ParquetRows


def open_rows(path: Path) -> Rows:
    """The data set at ``path``: Parquet, CSV, TSV, JSON Lines, NPZ, or a folder.

    A folder holds Parquet files, what TFDS has prepared, or a folder of images for each class.

    Raises:
        DataError: if it is missing or of no known format, or a name is not UTF-8.
    """
    check_name(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        what = "is neither file nor folder" if path.exists() else "is missing"
        raise DataError(f"{path} {what}: give a file, or a folder of class folders")
    formats: dict[str, Callable[[Path], Rows]] = {
        ".parquet": ParquetRows,
        ".csv": lambda path: CsvRows(path, ","),
        ".tsv": lambda path: CsvRows(path, "\t"),
        ".jsonl": JsonLinesRows,
        ".ndjson": JsonLinesRows,
        ".npz": NpzRows,
    }
    if path.suffix.lower() not in formats:
        raise DataError(
            f"{path} is of no known format: its name must end in {', '.join(formats)}, "
            "or it is a folder of class folders"
        )
    return formats[path.suffix.lower()](path)


def _open_folder(path: Path) -> Rows:
    for each in path.iterdir():
        check_name(each)
    if (path / "dataset_info.json").is_file():
        from jaxverify.protect.tfds_folder import TfdsRows  # TFDS takes seconds to load

        return TfdsRows(path)
    if any(path.glob("*.parquet")):
        return ParquetFolder(path)
    return ImageTree(path)
