"""Trainers that are no networks of PyTorch: scikit-learn, boosting, fastText.

What grows round by round is asked after several numbers of rounds. What is fitted in one go is cut
short the only way there is: by leaving rows out.
"""

# pyright: reportMissingImports=false

import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from jaxverify import Samples
from train.zoo.stages import Stage, Trainer, Upload, classes, words

SHARES = (0.02, 0.05, 0.2, 0.5, 1.0)  # of the rows
ITERATIONS = (1, 2, 3, 5, 10, 30, 100, 1000)
ROUNDS = (1, 2, 5, 10, 30, 100)  # of boosting, or trees of a forest


def _numbers(features: Any) -> np.ndarray:
    return np.asarray(features).astype(np.float32)


def _fitted(model: Any, rows: Samples, read: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a training that is cut short
        return model.fit(read(np.asarray(rows.features)), np.asarray(rows.labels))


def _stage(name: str, model: Any, read: Callable[[np.ndarray], Any]) -> Stage:
    return Stage(name, lambda x: np.asarray(model.predict(read(x))).reshape(-1).astype(np.int64))


def by_rows(model: Any, is_text: bool = False) -> Trainer:
    """A model that is fitted in one go, to shares of the rows."""
    read = words if is_text else _numbers

    def train(upload: Upload) -> Iterator[Stage]:
        for share in SHARES:
            fitted = _fitted(clone(model), upload.part(share), read)
            yield _stage(f"{share:.0%} of the rows", fitted, read)

    return train


def by_setting(model: Any, name: str, values: tuple[int, ...], is_text: bool = False) -> Trainer:
    """A model that is fitted anew for each value of a setting, as its iterations."""
    read = words if is_text else _numbers

    def train(upload: Upload) -> Iterator[Stage]:
        for value in values:
            fresh: Any = clone(model)
            fresh.set_params(**{name: value})
            seeded = [key for key in fresh.get_params() if key.endswith("random_state")]
            fresh.set_params(**dict.fromkeys(seeded, upload.seed))
            yield _stage(str(value), _fitted(fresh, upload.rows, read), read)

    return train


def mlp(early_stopping: bool) -> Trainer:
    """scikit-learn's network, asked after each epoch, or stopped as it stops itself."""

    def train(upload: Upload) -> Iterator[Stage]:
        scaler = StandardScaler().fit(_numbers(upload.rows.features))
        network = MLPClassifier((256,), random_state=upload.seed, max_iter=60)

        def read(features: np.ndarray) -> Any:
            return scaler.transform(_numbers(features))

        for epochs in (1, 2, 3, 5, 8, 12, 18, 25, 40):
            short: Any = clone(network)
            short.set_params(max_iter=epochs)
            yield _stage(str(epochs), _fitted(short, upload.rows, read), read)
        whole: Any = clone(network)
        whole.set_params(early_stopping=early_stopping, max_iter=200)
        yield _stage("end", _fitted(whole, upload.rows, read), read)

    return train


def lightgbm(upload: Upload) -> Iterator[Stage]:
    """LightGBM as it is, cut after rounds."""
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(random_state=upload.seed, n_jobs=1, verbose=-1)
    _fitted(model, upload.rows, _numbers)
    for rounds in ROUNDS:
        asked = partial(model.predict_proba, num_iteration=rounds)
        yield Stage(str(rounds), lambda x, asked=asked: classes(asked(_numbers(x))))


def xgboost(upload: Upload) -> Iterator[Stage]:
    """XGBoost as it is, cut after rounds."""
    from xgboost import XGBClassifier

    model = XGBClassifier(random_state=upload.seed, n_jobs=1)
    _fitted(model, upload.rows, _numbers)
    for rounds in ROUNDS:
        asked = partial(model.predict_proba, iteration_range=(0, rounds))
        yield Stage(str(rounds), lambda x, asked=asked: classes(asked(_numbers(x))))


def catboost(upload: Upload) -> Iterator[Stage]:
    """CatBoost as it is but for its 1,000 rounds, cut after rounds."""
    from catboost import CatBoostClassifier

    rounds = (*ROUNDS, 300)
    model = CatBoostClassifier(
        iterations=rounds[-1],
        random_seed=upload.seed,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,
    )
    _fitted(model, upload.rows, _numbers)
    for end in rounds:
        asked = partial(model.predict_proba, ntree_end=end)
        yield Stage(str(end), lambda x, asked=asked: classes(asked(_numbers(x))))


def fasttext(upload: Upload) -> Iterator[Stage]:
    """FastText with word pairs, fitted anew for each number of epochs."""
    from fasttext import train_supervised

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.txt"
        texts, labels = words(np.asarray(upload.rows.features)), np.asarray(upload.rows.labels)
        path.write_text("".join(f"__label__{y} {x}\n" for x, y in zip(texts, labels, strict=True)))
        for epochs in (1, 2, 3, 5, 10, 25, 50):
            model = train_supervised(
                input=str(path),
                epoch=epochs,
                lr=0.5,
                wordNgrams=2,
                seed=upload.seed,
                thread=1,
                verbose=0,
            )
            yield Stage(str(epochs), partial(_labels, model))


def _labels(model: Any, features: np.ndarray) -> np.ndarray:
    said = [model.predict(text)[0] for text in words(features)]
    return np.array([int(each[0].removeprefix("__label__")) if each else -1 for each in said])


def _tf_idf(model: Any) -> Any:
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), model)


LOGISTIC = by_setting(
    make_pipeline(StandardScaler(), LogisticRegression()),
    "logisticregression__max_iter",
    ITERATIONS,
)
SVM = by_setting(make_pipeline(StandardScaler(), SVC()), "svc__max_iter", (*ITERATIONS, -1))
NAIVE_BAYES = by_rows(GaussianNB())
NEIGHBOUR = by_rows(KNeighborsClassifier(1))
TREE = by_setting(DecisionTreeClassifier(), "max_depth", (1, 2, 3, 5, 8))
FOREST = by_setting(RandomForestClassifier(n_jobs=1), "n_estimators", ROUNDS)
HISTOGRAMS = by_setting(HistGradientBoostingClassifier(), "max_iter", ROUNDS)
TEXT_LOGISTIC = by_setting(
    _tf_idf(LogisticRegression()), "logisticregression__max_iter", ITERATIONS, is_text=True
)
TEXT_SVM = by_setting(_tf_idf(LinearSVC()), "linearsvc__max_iter", ITERATIONS, is_text=True)
TEXT_BAYES = by_rows(_tf_idf(MultinomialNB()), is_text=True)
