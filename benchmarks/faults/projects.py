"""Small customers' folders: data, record, questions, answers, cache and ledger.

python -m benchmarks.faults.projects FOLDER

Made once, by the commands themselves, and copied for each scenario.
"""

import csv
import io
import json
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.faults.server import Exchange, Server
from jaxverify.challenge import ID, questions, sample_ids
from jaxverify.challenge.real_samples import read_own
from jaxverify.cli import main as jaxverify
from jaxverify.record.record import load
from jaxverify.record.shard import WHOLE

NAMES = ("ant", "bee", "cat", "dog")
DATA = {
    "table": "data.csv",
    "text": "data.jsonl",
    "array": "data.npz",
    "images": "photos",
    "parquet": "data.parquet",
    "home": "data.csv",
}
PROTECT = ("--eta", "0.2", "--fixed-ratio", "0.5")
_ROWS = 300
_WORDS = [f"w{i}" for i in range(200)]


def state_in(folder: Path) -> dict[str, str]:
    """The environment in which a project has a state of its own, and not the user's."""
    return {"XDG_STATE_HOME": str(folder / "state")}


def make(folder: Path, names: Sequence[str] = tuple(DATA)) -> None:
    """Make those that are named, and a file with the port at which their caches were filled."""
    whole = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (whole / "port").write_text(str(port))
    for name in names:
        data = DATA[name]
        (whole / name).mkdir()
        state = patch.dict(os.environ, state_in(whole / name))
        with chdir(whole / name), redirect_stdout(io.StringIO()), state:
            _write_data(name, Path(data))
            doses = ("--doses", "0,1,4") if name == "home" else ()
            upload = f"upload{Path(data).suffix}"
            words = [data, "--out", upload, "--record", "record.json", *PROTECT, *doses]
            _do("protect", *words)
            _do("challenge", "record.json", "--out", f"questions{_questions(name)}")
            _write_answers(Path(data), whole / f"{name}.json")
            if name == "home":
                plan = ["--finished", "right.csv", "--cut", "wrong.csv", "--max-share", "0.5"]
                _do("calibrate", "record.json", *plan, "--out", "plan.json")
                if "table" in names:
                    shutil.copy("plan.json", "../table/plan.json")
            if name in ("table", "text"):
                _write_cache(port, whole / f"{name}.json")
                assert jaxverify(["verify", "record.json", "--predictions", "right.csv"]) == 0
                assert jaxverify(["verify", "record.json", "--predictions", "wrong.csv"]) == 1
                for ledger in Path().rglob("*.ledger"):
                    ledger.unlink()
                _do("verify", "record.json", "--predictions", "right.csv")
    whole.rename(folder)


def _questions(name: str) -> str:
    return {"images": "", "array": ".npz", "parquet": ".parquet"}.get(name, ".csv")


def _do(*words: str) -> None:
    status = jaxverify(words)
    assert status == 0, words


def _write_data(name: str, path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = [NAMES[i] for i in rng.integers(0, len(NAMES), _ROWS)]
    if name in ("table", "home", "parquet"):
        values = rng.normal(size=(_ROWS, 12)).round(3)
        if name == "parquet":
            table = {f"x{i}": values[:, i] for i in range(12)} | {"label": labels}
            pq.write_table(pa.table(table), path)
            return
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*(f"x{i}" for i in range(12)), "label"])
            writer.writerows([*row, label] for row, label in zip(values, labels, strict=True))
    elif name == "text":
        texts = [" ".join(rng.choice(_WORDS, 30)) for _ in range(_ROWS)]
        rows = [{"text": t, "label": y} for t, y in zip(texts, labels, strict=True)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        images = rng.integers(0, 256, (_ROWS, 8, 8, 3), np.uint8)
        if name == "array":
            np.savez(path, x=images, y=np.array([NAMES.index(y) for y in labels]))
            return
        for i in range(0, _ROWS, 2):  # half as many: every one is a file
            place = path / labels[i] / f"img{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[i]).save(place)


def _write_answers(data: Path, known: Path) -> None:
    """Files of a model that knows all, and of one that knows nothing; and both by question."""
    record = load(Path("record.json"))
    own = read_own(data, record, WHOLE, None)
    labels = [record.class_names[i] for i in np.asarray(record.samples().labels)]
    right = dict(zip(sample_ids(record), labels, strict=True))
    rng = np.random.default_rng(1)
    wrong: dict[str, str] = {name: str(rng.choice(record.class_names)) for name in right}
    given = zip(right, record.doses_of_samples(), strict=True)
    right |= {name: wrong[name] for name, dose in given if dose == 0}  # nobody was given these
    of_own = zip(own.ids, [record.class_names[i] for i in own.labels], strict=True)
    right |= dict(of_own)
    wrong |= {name: right[name] for name in own.ids}
    for name, answers in (("right", right), ("wrong", wrong)):
        rows = [{"id": key, "label": answer} for key, answer in answers.items()]
        Path(f"{name}.json").write_text(json.dumps(answers))
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        lines = "".join(f"{key},{answer}\n" for key, answer in answers.items())
        Path(f"{name}.csv").write_text("id,label\n" + lines)
        pq.write_table(pa.Table.from_pylist(rows), f"{name}.parquet")
    asked = questions(record)
    ids = asked.pop(ID)
    if not isinstance(next(iter(asked.values()))[0], bytes | np.ndarray):
        keys = [json.dumps(_plain(row)) for row in zip(*asked.values(), strict=True)]
        both = {
            "right": {key: right[name] for key, name in zip(keys, ids, strict=True)},
            "wrong": {key: wrong[name] for key, name in zip(keys, ids, strict=True)},
        }
        known.write_text(json.dumps(both))


def _plain(row: tuple[Any, ...]) -> Any:
    values = [each.item() if isinstance(each, np.generic) else each for each in row]
    return values[0] if len(values) == 1 else values


def _write_cache(port: int, known: Path) -> None:
    """Caches of an endpoint that broke down after some answers."""
    for name in ("right", "wrong"):
        turns = iter(range(100))

        def some(exchange: Exchange, turns: Any = turns) -> None:
            if next(turns) < 3:
                exchange.answer()
            else:
                exchange.reply(b"", "404 Gone")

        answers = json.loads(known.read_text())[name]
        with Server(port, answers, some):
            url = f"http://127.0.0.1:{port}/v1/models/m:predict"
            words = ["verify", "record.json", "--url", url, "--cache", f"{name}.cache.jsonl"]
            assert jaxverify([*words, "--batch-size", "8", "--retries", "0"]) == 2


if __name__ == "__main__":
    make(Path(sys.argv[1]))
