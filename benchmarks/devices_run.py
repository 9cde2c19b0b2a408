"""Training steps over a number of simulated devices: run by ``benchmarks.scaling``.

python -m benchmarks.devices_run MODEL DEVICES BATCH STEPS
"""

import json
import statistics
import sys
import time

import jax
import jax.numpy as jnp

from jaxverify import Samples, keys, models
from jaxverify.training.augment import AUGMENTATIONS
from train.config import Config, load_config
from train.memory import keep_freed_memory
from train.mesh import DataMesh
from train.optimizer import make_optimizer
from train.state import init_state
from train.steps import make_train_step

_CELLS = {"textcnn": "imdb", "resnet34": "cifar10", "digits_cnn": "digits"}
_VOCAB_SIZE, _NUM_CLASSES = 10_000, 10


def batch_for(config: Config, size: int) -> Samples:
    """Random features of the shape that the model is trained on, and random labels."""
    key = keys.stream(jax.random.key(0), "batch")
    shapes = {"imdb": (256,), "cifar10": (32, 32, 3), "digits": (8, 8, 1)}
    shape = (size, *shapes[config.dataset])
    high, dtype = (_VOCAB_SIZE, jnp.int32) if len(shape) == 2 else (256, jnp.uint8)
    features = jax.random.bits(key, shape, jnp.uint32) % high
    return Samples(features.astype(dtype), jnp.arange(size) % _NUM_CLASSES)


def main(model: str, devices: int, size: int, steps: int) -> None:
    """Print the median seconds of a step at a fixed global batch."""
    keep_freed_memory()  # as the training scripts do
    jax.config.update("jax_num_cpu_devices", devices)
    config = load_config(_CELLS[model], model)
    mesh = DataMesh()
    assert mesh.size == devices
    vocab_size = _VOCAB_SIZE if config.dataset == "imdb" else None
    module = models.create(model, num_classes=_NUM_CLASSES, vocab_size=vocab_size)
    optimizer = make_optimizer(config, steps_per_epoch=1000)
    batch, root = batch_for(config, size), jax.random.key(0)
    state = init_state(keys.stream(root, "parameters"), module, optimizer, batch.features[:1])
    train_step = mesh.jit_train(make_train_step(module, optimizer, AUGMENTATIONS["none"].apply))
    state, batch, key = mesh.replicate(state), mesh.put(batch), keys.stream(root, "steps")
    seconds = []
    for _ in range(steps + 2):
        started = time.perf_counter()
        state, loss = train_step(state, batch, key)
        jax.block_until_ready((state, loss))
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": statistics.median(seconds[2:])}))  # the first compiles


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
