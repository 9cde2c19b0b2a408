"""Measurements of 569 breast tumours (Wisconsin), a real table that comes with scikit-learn."""

import numpy as np
from sklearn.datasets import load_breast_cancer

from jaxverify.data.dataset import Raw


def read() -> Raw:
    """30 columns as float32 ``[n, 30]``, 456 rows to train on and 113 to test; benign or malignant.

    Each column is brought to [0, 1] by the least and the greatest value of the training rows, as
    the extra samples of vectors are; a test row may lie a little outside.

    Guarantee: the same split always; every fifth row of each class is tested.
    """
    columns, labels = load_breast_cancer(return_X_y=True)
    is_test = np.zeros(len(labels), bool)
    for label in range(2):
        is_test[np.flatnonzero(labels == label)[4::5]] = True
    low, high = columns[~is_test].min(axis=0), columns[~is_test].max(axis=0)
    features = ((columns - low) / (high - low)).astype(np.float32)
    names = ("malignant", "benign")
    return Raw(features[~is_test], labels[~is_test], features[is_test], labels[is_test], names)
