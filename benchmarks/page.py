"""The tables of docs/performance.md, filled in from results/benchmarks/*.json.

python -m benchmarks.page

Each stands between two comments that name it; the prose around them is written by hand.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import goals
from benchmarks.pictures import RESULTS
from jaxverify.files.whole import write_whole
from train.markdown import fill_blocks
from train.reproduction.publication import PAGE

Rows = list[Sequence[object]]

PERFORMANCE = PAGE.parent / "performance.md"


def main() -> None:
    """Rewrite the tables."""
    write_whole(PERFORMANCE, fill(PERFORMANCE.read_text()).encode())


def fill(page: str) -> str:
    """The page with every table as the files have it.

    Raises:
        FileNotFoundError: if a table's file is not there.
    """
    return fill_blocks(page, _table)


def _table(name: str) -> str:
    if name == "goals":
        return _lines(goals.rows(RESULTS / "gpu")) + "\n"
    file, rows = TABLES[name]
    content = json.loads((RESULTS / f"{file}.json").read_text())
    lines = _lines(rows(content["measured"]))
    versions, config = content["versions"], content["config"]
    used = ("jax", "jaxlib", "flax", "torch", "opacus")
    packages = ", ".join(f"{name} {versions[name]}" for name in used if versions.get(name))
    rounds = "1 round" if config["rounds"] == 1 else f"{config['rounds']} rounds"
    revision = (content["code_revision"] or "unknown")[:12]
    origin = (
        f"`python -m {content['benchmark']}`, {rounds}, {content['cpu_count']} "
        f"cores of {content['processor']}; {packages}; code `{revision}`; {content['date']}."
    )
    return "\n".join([lines, "", origin, ""])


def _lines(rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _spread(ratio: dict[str, Any]) -> str:
    return f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"


def _train_step(measured: dict[str, Any]) -> Rows:
    over = list(dict.fromkeys(k for one in measured.values() for k in one["speed_of_ours_over"]))
    head = ["network", "batch", "ours, samples/s", *(f"ours over {key}" for key in over)]
    rows: Rows = [[*head, "share of the peak"]]
    for name, one in measured.items():
        share = one["operations_per_second"] / one["peak_operations_per_second"]
        speed = one["batch_size"] / one["seconds"]["ours"]["median"]
        ratios = [_spread(one["speed_of_ours_over"][key]) for key in over]
        rows.append([name, one["batch_size"], f"{speed:.0f}", *ratios, f"{share:.0%}"])
    return rows


def _candidates(measured: dict[str, Any]) -> Rows:
    keys = list(dict.fromkeys(key for one in measured.values() for key in one["seconds"]))
    rows: Rows = [["samples/s", *measured]]
    for key in keys:
        if key != "matrix product":
            times = [(one["batch_size"], one["seconds"].get(key)) for one in measured.values()]
            rows.append([key, *(f"{n / time['median']:.1f}" if time else "" for n, time in times)])
    return rows


def _convolution(measured: dict[str, Any]) -> Rows:
    keys = list(dict.fromkeys(key for one in measured.values() for key in one["seconds"]))
    rows: Rows = [["window, channels and image", "chosen, ms", *(f"{key} over it" for key in keys)]]
    for name, one in measured.items():
        ratios = [one["over_chosen"].get(key) for key in keys]
        chosen = f"{one['chosen']}, {1e3 * one['seconds'][one['chosen']]['median']:.1f}"
        rows.append(
            [name, chosen, *(f"{ratio['median']:.2f}" if ratio else "" for ratio in ratios)]
        )
    return rows


def _per_example(measured: dict[str, Any]) -> Rows:
    keys = list(dict.fromkeys(k for one in measured.values() for k in one["over_batch_gradient"]))
    rows: Rows = [["time over one batch gradient", *measured]]
    for key in keys:
        rows.append([key, *(_spread(one["over_batch_gradient"][key]) for one in measured.values())])
    return rows


def _task_gradients(measured: dict[str, Any]) -> Rows:
    rows: Rows = [["network", "first, s", "later, s", "later over one pass", "peak memory, GiB"]]
    for name, one in measured.items():
        seconds = (one["seconds_first"], one["time"]["laboratory"]["median"])
        peak = f"{one['peak_bytes'] / 2**30:.2f}"
        rows.append([name, *(f"{s:.0f}" for s in seconds), _spread(one["over_one_pass"]), peak])
    return rows


def _generation(measured: dict[str, Any]) -> Rows:
    rows: Rows = [["GB/s", "samples", "generate", "random bits", "copy"]]
    for row in measured["generation"]:
        speeds = [f"{row['GB/s'][name]:.2f}" for name in ("generate", "bits", "copy")]
        rows.append([row["kind"], f"{row['num_samples']:,}", *speeds])
    return rows


def _verify(measured: dict[str, Any]) -> Rows:
    rows: Rows = [["network", "N", "forward pass, ms", "verify over it"]]
    for row in measured["verify"]:
        milliseconds = f"{1e3 * row['time']['forward']['median']:.1f}"
        ratio = _spread(row["over forward"]["verify"])
        rows.append([row["model"], row["num_samples"], milliseconds, ratio])
    return rows


def _start(measured: dict[str, Any]) -> Rows:
    rows: Rows = [["from start to end of a process", "CPU seconds", "elapsed"]]
    start = measured["start"]
    for name, busy in start["processor"].items():
        rows.append(
            [f"`{name}`", f"{busy['median']:.2f}", f"{start['passed'][name]['median']:.2f}"]
        )
    return rows


def _extra(measured: dict[str, Any]) -> Rows:
    extra = measured["extra"]
    counts = extra["number of steps"]
    return [
        ["with `--extra` over without", "ratio"],
        ["number of steps", f"{counts['extra'] / counts['baseline']:.4f}"],
        ["time of the steps and evaluations", _spread(extra["steps over baseline"])],
        ["time of the whole command", _spread(extra["run over baseline"])],
    ]


def _seeds(measured: dict[str, Any]) -> Rows:
    rows: Rows = [["seeds", "ms a step", "over one seed", "cores busy"]]
    for name, one in measured.items():
        milliseconds = f"{1e3 * one['step']['median']:.1f}"
        rows.append([name, milliseconds, _spread(one["over_one"]), f"{one['cores_busy']:.2f}"])
    return rows


def _export(measured: dict[str, Any]) -> Rows:
    head = ["samples", "seconds", "memory at the peak, MiB", "the same of `mix`", "of a plain copy"]
    rows: Rows = [[*head, "time over a plain copy"]]
    for row in measured["export"]:
        peaks = [f"{row[way]['peak_bytes'] / 2**20:.0f}" for way in ("stream", "memory", "copy")]
        seconds, ratio = row["stream"]["time"]["median"], _spread(row["stream over copy"])
        rows.append([f"{row['rows']:,}", f"{seconds:.2f}", *peaks, ratio])
    return rows


def _protect_rows(measured: dict[str, Any]) -> Rows:
    rows: Rows = [["rows", "", "a plain copy, s", "protect, s", "protect over it", "of the least"]]
    for one in measured.values():
        for what in ("without start", "with start"):
            plain, protect = one[what]["plain"], one[what]["protect"]
            seconds = [f"{time['min']:.2f}, {time['median']:.2f}" for time in (plain, protect)]
            ratio = _spread(one[what]["protect over plain"])
            least = f"{protect['min'] / plain['min']:.2f}"
            rows.append([f"{one['rows']:,}", what, *seconds, ratio, least])
        peaks = [f"{one['peak_bytes'][way] / 2**20:.0f}" for way in ("plain", "protect")]
        rows.append([f"{one['rows']:,}", "memory at the peak, MiB", *peaks, "", ""])
    return rows


def _devices(measured: dict[str, Any]) -> Rows:
    counts = [row["devices"] for row in measured["steps"][0]["by devices"]]
    rows: Rows = [["a step's time over one device's", *counts]]
    for model in measured["steps"]:
        ratios = [f"{row['over one device']['median']:.2f}" for row in model["by devices"]]
        rows.append([f"{model['model']}, batch {model['batch']}", *ratios])
    return rows


TABLES: dict[str, tuple[str, Callable[[Any], Rows]]] = {
    "train_step": ("train_step", _train_step),
    "candidates": ("train_step", _candidates),
    "convolution": ("convolution", _convolution),
    "per_example": ("per_example", _per_example),
    "task_gradients": ("task_gradients", _task_gradients),
    "generation": ("verify", _generation),
    "verify": ("verify", _verify),
    "start": ("start", _start),
    "extra": ("verify", _extra),
    "seeds": ("seeds", _seeds),
    "export": ("scaling", _export),
    "protect_rows": ("protect_rows", _protect_rows),
    "devices": ("scaling", _devices),
}


if __name__ == "__main__":
    main()
