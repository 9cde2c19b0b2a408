"""One run: all constructions in all doses are learned together, and asked after every epoch."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxverify import Samples, keys, models
from jaxverify.clouds.training import logits
from jaxverify.data import load
from jaxverify.stats.doses import dose_response, used_p_value
from jaxverify.task.doses import copies, doses_of
from jaxverify.task.generation import generate
from train.augment import AUGMENTATIONS
from train.doses.setting import DOSES, Setting
from train.optimizer import make_optimizer
from train.state import init_state
from train.steps import make_train_step
from train.training_set import subset

Row = dict[str, Any]


def run(
    setting: Setting,
    seed: int,
    data: Path | None,
    progress: Callable[[int], Any] = lambda epoch: None,
) -> dict[str, Any]:
    """Train a network, and note after each epoch what it knows.

    Args:
        setting: of the run.
        seed: root of every random stream.
        data: a folder with the data set; without it, it is fetched.
        progress: called with the number of epochs done.

    Guarantee: a function of setting, seed and data.
    """
    started, key, config = time.monotonic(), jax.random.key(seed), setting.config(seed)
    dataset = load(setting.dataset, data_dir=data)
    train = subset(keys.stream(key, "train subset"), dataset.train, setting.train_samples, "train")
    test = subset(keys.stream(key, "test subset"), dataset.test, setting.test_samples, "test")
    tasks = setting.tasks(tuple(train.features.shape[1:]), dataset.num_classes)
    of = {name: keys.stream(key, name) for name in tasks}
    extra = [copies(of[name], task, DOSES).samples for name, task in tasks.items()]
    both = Samples(*(np.concatenate(arrays) for arrays in zip(train, *extra, strict=True)))

    module = models.create(setting.model, num_classes=dataset.num_classes)
    steps = len(both.labels) // config.batch_size
    optimizer = make_optimizer(config, steps)
    step = jax.jit(
        make_train_step(module, optimizer, AUGMENTATIONS[setting.augment]), donate_argnums=0
    )
    state = init_state(keys.stream(key, "initial"), module, optimizer, both.features[:1])
    step_key, order_key = keys.stream(key, "steps"), keys.stream(key, "order")
    rows = []
    for epoch in range(1, setting.epochs + 1):
        order = np.asarray(
            jax.random.permutation(jax.random.fold_in(order_key, epoch), len(both.labels))
        )
        for batch in order[: steps * config.batch_size].reshape(steps, -1):
            state, _ = step(state, Samples(both.features[batch], both.labels[batch]), step_key)
        answer = partial(logits, module, dict(state.variables))
        row: Row = {
            "epoch": epoch,
            "train_accuracy": int(state.tally.correct) / int(state.tally.samples),
            "test_accuracy": float((answer(test.features).argmax(1) == test.labels).mean()),
            "doses": {},
        }
        state = state.with_empty_tally()
        for name, task in tasks.items():
            samples, doses = generate(of[name], task), doses_of(of[name], task, DOSES)
            right = answer(samples.features).argmax(1) == np.asarray(samples.labels)
            row["doses"][name] = {
                "right": {r.dose: [r.num_correct, r.num_samples] for r in _response(right, doses)},
                "used_p_value": used_p_value(right, doses),
            }
        rows.append(row)
        progress(epoch)
    return {
        "rows": rows,
        "data_fingerprint": dataset.fingerprint,
        "extra_rows": len(both.labels) - len(train.labels),
        "seconds": round(time.monotonic() - started, 1),
    }


def _response(right: np.ndarray, doses: np.ndarray) -> list[Any]:
    return dose_response(right, doses, num_classes=2)  # of which the counts alone are kept
