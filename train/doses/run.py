"""One run: all constructions in all doses are learned together, and asked after every epoch."""

import time
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxverify import ExtraTask, Samples, keys, mix
from jaxverify.clouds import auc
from jaxverify.clouds.detectors import compressibility, identical_block, near_copies
from jaxverify.clouds.training import Fitted, losses
from jaxverify.data import load
from jaxverify.stats.doses import used_p_value
from jaxverify.task.doses import copies, doses_of
from jaxverify.training.inference import Predict
from jaxverify.training.loop import train_iter
from train.doses.setting import (
    CANDIDATES,
    DOSES,
    Candidate,
    Progress,
    Setting,
)
from train.settings import in_form
from train.training_set import subset

Row = dict[str, Any]
_FIRST_LOOK = 0.1  # of the epochs, after which somebody looks for extra samples


def run(
    setting: Setting,
    seed: int,
    data: Path | None,
    progress: Progress = lambda epoch: None,
) -> dict[str, Any]:
    """Train a network, and note after each epoch what it knows.

    Args:
        setting: of the run.
        seed: root of every random stream.
        data: a folder with the data set; without it, it is fetched.
        progress: called with the number of epochs done.

    Guarantee: a function of setting, seed and data.
    """
    started, key, recipe = time.monotonic(), jax.random.key(seed), setting.recipe
    dataset = load(setting.dataset, data_dir=data, max_length=setting.max_length)
    train, test = _cut(setting, key, dataset.train, dataset.test)
    num_classes, vocab_size = dataset.num_classes, dataset.vocab_size
    kind = "text" if vocab_size else "vector" if setting.as_table else "image"
    tasks, asked, uploaded, numbers = {}, {}, [], {}
    for name, candidate in CANDIDATES[kind].items():
        task = candidate.task(
            kind,
            tuple(train.features.shape[1:]),
            num_classes=num_classes,
            num_samples=setting.num_samples,
            vocab_size=vocab_size,
        )
        own_key = keys.stream(key, name)
        tasks[name] = task, doses_of(own_key, task, DOSES)
        asked[name], several = _samples(own_key, task, candidate, train.features)
        numbers[name] = several.of
        uploaded.append(several.samples)
    both = mix(
        keys.stream(key, "mixing"),
        train,
        Samples(*(np.concatenate(arrays) for arrays in zip(*uploaded, strict=True))),
    )
    module = recipe.module(num_classes, vocab_size)
    training = train_iter(recipe, module, both.samples, num_classes, keys.stream(key, "training"))
    rows, tells = [], {}
    for epoch, predict in enumerate(training, start=1):
        row: Row = {
            "epoch": epoch,
            "train_accuracy": _accuracy(predict, Samples(*(x[:2_000] for x in train))),
            "test_accuracy": _accuracy(predict, test),
            "doses": {},
        }
        for name, (_, doses) in tasks.items():
            right = predict(asked[name].features).argmax(1) == np.asarray(asked[name].labels)
            row["doses"][name] = {
                "right": {
                    int(dose): [int(right[doses == dose].sum()), int((doses == dose).sum())]
                    for dose in DOSES.levels
                },
                "used_p_value": used_p_value(right, doses),
            }
        rows.append(row)
        if epoch == max(1, round(_FIRST_LOOK * recipe.epochs)):
            doses_of_rows = {name: tasks[name][1][numbers[name]] for name in tasks}
            tells = _tells(both.samples, both.extra_positions, doses_of_rows, predict)
        progress(epoch)
    return {
        "rows": rows,
        "tells": tells,
        "kind": kind,
        "num_classes": num_classes,
        "data_fingerprint": dataset.fingerprint,
        "extra_rows": len(both.samples.labels) - len(train.labels),
        "seconds": round(time.monotonic() - started, 1),
    }


def _cut(setting: Setting, key: jax.Array, train: Samples, test: Samples) -> list[Samples]:
    sizes = {"train": (train, setting.train_samples), "test": (test, setting.test_samples)}
    parts = []
    for name, (samples, size) in sizes.items():
        part = subset(keys.stream(key, f"{name} subset"), samples, size, name)
        parts.append(in_form(part, setting.side, setting.as_table))
    return parts


def _samples(key: jax.Array, task: ExtraTask, candidate: Candidate, pool: Any) -> Any:
    """The samples to be asked, and their copies."""
    draw = candidate.draw(np.asarray(pool))
    return draw(key, task, jnp.arange(task.num_samples)), copies(key, task, DOSES, draw)


def _accuracy(predict: Predict, samples: Samples) -> float:
    return float((predict(samples.features).argmax(1) == np.asarray(samples.labels)).mean())


def _tells(
    upload: Samples, positions: np.ndarray, doses: dict[str, np.ndarray], predict: Predict
) -> dict[str, dict[str, dict[int, float]]]:
    """For each detector, construction and dose: how well its rows are told from the real ones."""
    none = Fitted(nn.Module(), {}, 0.0)  # these look at data alone
    looks = {"identical block": identical_block, "compressibility": compressibility}
    scores = {name: look(upload, none) for name, look in looks.items()}
    scores["near copies"] = near_copies(upload, none)
    scores["loss ranking"] = losses(predict(upload.features), upload.labels)
    real = np.setdiff1d(np.arange(len(upload.labels)), positions)
    ends = np.cumsum([len(each) for each in doses.values()])
    found = {}
    for detector, values in scores.items():
        found[detector] = {}
        for (name, each), end in zip(doses.items(), ends, strict=True):
            rows = positions[end - len(each) : end]
            found[detector][name] = {
                int(dose): _auc(values, rows[each == dose], real) for dose in np.unique(each)
            }
    return found


def _auc(values: np.ndarray, rows: np.ndarray, real: np.ndarray) -> float:
    both = np.concatenate([values[rows], values[real]])
    return round(auc(both, np.arange(len(rows))), 4)
