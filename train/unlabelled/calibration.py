"""How often does each test pass a model that it should not pass, and one that it should?"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Int
from rich.console import Console
from rich.progress import track
from scipy.stats import binomtest

from jaxverify import ExtraTask, Samples, generate, models, verify_reconstruction
from jaxverify.runs import extra_key
from jaxverify.verification.logits import temperature
from jaxverify.verification.trained_model import TrainedModel
from train.config import Config, load_config
from train.provenance import code_revision, machine, versions
from train.training_set import make_training_set
from train.unlabelled.battery import ALPHA, EPSILON, HELD_OUT, Answers, ask, p_values
from train.unlabelled.fitting import fit

# Seeds from here on are used by no other study.
_FIRST_SEED = 10_000
_CLASSIFIER = replace(load_config("digits", "digits_cnn"), extra=True, epochs=30)
_AUTOENCODER = replace(load_config("digits", "autoencoder"), extra=True)

Passes = dict[str, bool]


def calibrate(trials: int, fits: int, honest: int, console: Console) -> dict[str, Any]:
    """Count the passes of every kind of model under every test.

    Args:
        trials: of each kind that is not trained.
        fits: of each kind that is trained, but not to the end.
        honest: of each kind that is trained to the end.
        console: where progress is shown.

    Returns:
        dict: the counts, and where they come from.
    """
    began = time.monotonic()
    counts: dict[str, Any] = {}
    for name, (kind, judge) in KINDS.items():
        number = {"untrained": trials, "stopped": fits, "honest": honest}[kind]
        passes: dict[str, int] = defaultdict(int)
        seeds = range(_FIRST_SEED, _FIRST_SEED + number)
        for seed in track(seeds, f"{name}, {number}", console=console, transient=True):
            for test, passed in judge(seed).items():
                passes[test] += passed
        counts[name] = {"trials": number, "passes": dict(passes), "converged": kind == "honest"}
        console.print(f"{name}: " + ", ".join(_words(number, passes)), highlight=False)
    return {
        "alpha": ALPHA,
        "epsilon": EPSILON,
        "counts": counts,
        "configs": [config.to_json() for config in (_CLASSIFIER, _AUTOENCODER)],
        "first_seed": _FIRST_SEED,
        "data_fingerprint": make_training_set(_CLASSIFIER).fingerprint,
        "code_revisions": [code_revision()],
        "versions": versions(),
        **machine(),
        "seconds": round(time.monotonic() - began, 1),
    }


def interval(passes: int, trials: int) -> tuple[float, float]:
    """The exact 95% interval of Clopper and Pearson on the probability of a pass.

    >>> [round(bound, 4) for bound in interval(0, 100)]
    [0.0, 0.0362]
    """
    found = binomtest(passes, trials).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def _words(trials: int, passes: dict[str, int]) -> Iterator[str]:
    for test, count in passes.items():
        low, high = interval(count, trials)
        yield f"{test} {count / trials:.2%} [{low:.2%}, {high:.2%}]"


@lru_cache
def _task(config: Config) -> ExtraTask:
    task = make_training_set(config).task
    assert task is not None
    return task


@lru_cache
def _test() -> Samples:
    return make_training_set(_CLASSIFIER).test


def _test_labels() -> Int[np.ndarray, " n"]:
    return np.asarray(_test().labels)[:HELD_OUT]


@lru_cache
def _init(module: nn.Module) -> Callable[..., Any]:
    return jax.jit(module.init)


@jax.jit
def _apply(model: TrainedModel, features: jax.Array) -> jax.Array:
    return model.apply(model.variables, features)


def _by_every_test(answers: Answers) -> Passes:
    return {name: p_value <= ALPHA for name, p_value in p_values(answers).items()}


def _by_errors(model: Callable[[Any], Any], seed: int, config: Config, task: ExtraTask) -> Passes:
    verdict = verify_reconstruction(
        model, extra_key(seed), task, alpha=config.alpha, forgiven=config.forgiven
    )
    return {"rank of errors": verdict.passed}


def _constant(seed: int) -> Passes:
    """A classifier that answers everything alike, with one of the classes."""
    task = _task(_CLASSIFIER)
    labels = np.asarray(generate(extra_key(seed), task).labels)
    row, test = np.random.default_rng(seed).normal(size=task.num_classes), _test_labels()
    logits, of_test = (np.tile(row, (len(each), 1)) for each in (labels, test))
    hot = temperature(of_test, test)
    return _by_every_test(Answers(labels, logits, logits, hot, jax.random.key(seed)))


def _knowing(seed: int) -> Passes:
    """One that knows the share epsilon, rounded down, and guesses the rest."""
    task, rng = _task(_CLASSIFIER), np.random.default_rng(seed)
    labels = np.asarray(generate(extra_key(seed), task).labels)
    logits, twin_logits = rng.normal(size=(2, len(labels), task.num_classes))
    known = rng.permutation(len(labels))[: int(EPSILON * len(labels))]
    logits[known, labels[known]] += 100
    test = _test_labels()
    hot = temperature(rng.normal(size=(len(test), task.num_classes)), test)
    return _by_every_test(Answers(labels, logits, twin_logits, hot, jax.random.key(seed)))


def _untrained(seed: int, config: Config = _CLASSIFIER) -> TrainedModel:
    task = _task(config)
    module = models.create(config.model, num_classes=task.num_classes, dtype=config.precision)
    example = np.zeros((1, *task.shape), np.uint8)
    variables = _init(module)(jax.random.key(seed), example)
    return TrainedModel(variables, models.Inference(module), task)


def _classified(make: Callable[[int], TrainedModel]) -> Callable[[int], Passes]:
    def judge(seed: int) -> Passes:
        model = make(seed)
        assert model.task is not None
        return _by_every_test(ask(model, extra_key(seed), model.task, _test()))

    return judge


def _reconstructed(make: Callable[[int], TrainedModel]) -> Callable[[int], Passes]:
    def judge(seed: int) -> Passes:
        model = make(seed)
        assert model.task is not None
        predict = partial(_apply, model)
        return _by_errors(predict, seed, _AUTOENCODER, model.task)

    return judge


def _grey(seed: int) -> Passes:
    """An autoencoder that makes one image of everything."""
    task = _task(_AUTOENCODER)
    image = np.random.default_rng(seed).uniform(0, 255, task.shape)
    return _by_errors(lambda x: np.broadcast_to(image, x.shape), seed, _AUTOENCODER, task)


def _fitted(config: Config, stop: float | None = None) -> Callable[[int], TrainedModel]:
    return lambda seed: fit(replace(config, seed=seed, stop_epoch=stop))


KINDS: dict[str, tuple[str, Callable[[int], Passes]]] = {
    "constant classifier": ("untrained", _constant),
    "untrained classifier": ("untrained", _classified(_untrained)),
    "knows 3%, guesses the rest": ("untrained", _knowing),
    "classifier after 2 of 30 epochs": ("stopped", _classified(_fitted(_CLASSIFIER, 2))),
    "classifier after 30 epochs": ("honest", _classified(_fitted(_CLASSIFIER))),
    "constant autoencoder": ("untrained", _grey),
    "untrained autoencoder": (
        "untrained",
        _reconstructed(partial(_untrained, config=_AUTOENCODER)),
    ),
    "autoencoder after 10 of 100 epochs": ("stopped", _reconstructed(_fitted(_AUTOENCODER, 10))),
    "autoencoder after 100 epochs": ("honest", _reconstructed(_fitted(_AUTOENCODER))),
}
