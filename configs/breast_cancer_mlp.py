"""An mlp on a real table, scikit-learn's breast cancer data; not a cell of the paper.

The set is small and has two classes, so eta is many times the paper's .8%, which would make 4
extra samples; what this costs is measured in docs/tabular.md.

    python -m train.tabular --extra

takes a minute on 2 CPU cores; with ``--local``, seconds.
"""

from train.config import Config

config = Config(
    dataset="breast_cancer",
    model="mlp",
    epochs=100,
    batch_size=32,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="constant",
    weight_decay=0.0,
    eval_every=2,
    eval_batch_size=128,
    eta=0.25,
    labels="balanced",
)

LOCAL = {"epochs": 40, "eval_every": 10}
