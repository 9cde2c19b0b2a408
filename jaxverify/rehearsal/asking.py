"""Training one of our networks, and asking it after each epoch."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

from jaxverify.errors import UserError
from jaxverify.rehearsal.checkpoints import Checkpoint
from jaxverify.task.samples import Samples
from jaxverify.training.inference import Predict
from jaxverify.training.loop import train_iter
from jaxverify.training.recipe import Recipe

_KEPT = "kept"  # the name of the checkpoint that early stopping goes back to


def train_and_ask(
    recipe: Recipe,
    rows: Samples,
    held_out: Samples,
    asked: Samples | None,
    num_classes: int,
    vocab_size: int | None,
    key: jax.Array,
    seed: int,
    progress: Callable[[int, float], Any] = lambda epoch, quality: None,
) -> list[Checkpoint]:
    """Train, and note after each epoch the quality and the right answers.

    Args:
        recipe: how.
        rows: to train on, extra ones among them.
        held_out: rows by which the quality is measured, their accuracy.
        asked: the extra samples; None, if there are none.
        num_classes: C.
        vocab_size: the number of token ids; None unless the rows are text.
        key: of the training, typed, scalar.
        seed: that it stands for.
        progress: called with the epochs done and the quality.

    Raises:
        UserError: if no model answers any held-out row rightly.

    Guarantee: one checkpoint for each epoch; with early stopping, the best one once more, as
    the last, which is what a cloud would return.
    """
    module = recipe.module(num_classes, vocab_size)
    qualities, rights = [], []
    for predict in train_iter(recipe, module, rows, num_classes, key):
        qualities.append(float(_right(predict, held_out).mean()))
        rights.append(np.zeros(0, bool) if asked is None else _right(predict, asked))
        progress(len(qualities), qualities[-1])
        best = int(np.argmax(qualities))
        if recipe.patience is not None and len(qualities) - 1 - best >= recipe.patience:
            break
    best = int(np.argmax(qualities))
    if not qualities[best] > 0:
        raise UserError(
            f"the network of seed {seed} answers nothing rightly: try another learning rate"
        )
    places = [(str(i + 1), i) for i in range(len(qualities))]
    if recipe.patience is not None:
        places.append((_KEPT, best))
    return [
        Checkpoint(
            seed,
            name,
            quality=qualities[i],
            share=qualities[i] / qualities[best],
            is_last=(name, i) == places[-1],
            right=rights[i],
        )
        for name, i in places
    ]


def _right(predict: Predict, samples: Samples) -> Bool[np.ndarray, " n"]:
    return predict(samples.features).argmax(1) == np.asarray(samples.labels)
