"""Data sets as NumPy arrays, without TensorFlow: ``load(name)`` is the whole of it.

>>> from jaxverify.data import load
>>> digits = load("digits")
>>> digits.train.features.shape, digits.num_classes
((1442, 8, 8, 1), 10)
"""

from jaxverify.data.dataset import Dataset
from jaxverify.data.loading import NAMES, load

__all__ = ["NAMES", "Dataset", "load"]
