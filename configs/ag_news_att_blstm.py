"""att_blstm on AG News.

Table 1 of the paper: 92.21% test accuracy without the extra task.

    python -m train.ag_news --extra --model att_blstm

takes ten minutes on 2 CPU cores with 27,492 samples; with ``--local``, about a minute.
"""

from train.config import Config

config = Config(
    dataset="ag_news",
    model="att_blstm",
    epochs=4,
    batch_size=64,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="cosine",
    weight_decay=0.0,
    eval_every=0.25,
)

CPU = {"eval_every": 0.5}
# The paper's whole recipe takes minutes.
GPU = {}
LOCAL = {"epochs": 2, "train_samples": 1_000, "test_samples": 500, "eval_every": 1}
