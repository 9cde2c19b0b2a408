"""How many of the eight simulated devices a run in a test takes."""

from contextlib import AbstractContextManager
from functools import partial
from unittest import mock

import jax

from train.mesh import DataMesh


def on_one_device(module: str = "train.loop") -> AbstractContextManager:
    """What ``module`` runs in this process takes the first device alone.

    A step of a small network over eight devices, on two cores, takes five to ten times as long.
    What runs on eight is tested on eight where that is the point.
    """
    return mock.patch(f"{module}.DataMesh", partial(DataMesh, jax.devices()[:1]))
