"""att_blstm on IMDB.

Table 1 of the paper: 89.99% test accuracy without the extra task.

    python -m train.imdb --extra --model att_blstm

takes half an hour on 2 CPU cores; with ``--local``, about a minute.
"""

from train.config import Config

config = Config(
    dataset="imdb",
    model="att_blstm",
    epochs=5,
    batch_size=64,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="cosine",
    weight_decay=0.0,
    eval_every=0.25,
)

CPU = {"epochs": 4, "max_length": 128, "eval_every": 0.5}
# The paper's whole recipe takes minutes.
GPU = {}
LOCAL = {
    "epochs": 2,
    "train_samples": 1_000,
    "test_samples": 500,
    "eval_every": 1,
    "max_length": 64,
}
