"""The options of ``jaxverify rehearse``."""

import argparse
from pathlib import Path

from jaxverify.cli.options.command import add_command
from jaxverify.cli.options.lists import numbers

_DOC = """\
Plan by training at home. Part of your data is protected in several doses, and models are trained on
it, as you expect the cloud to train. What they know at each quality decides how the extra samples
are made, how often each goes into the upload, how many there must be, and the epsilon of the
verification. Train a network of ours:

  jaxverify rehearse photos/ --out plan.json --network small_cnn --augment crop_flip

or run your own program:

  jaxverify rehearse part.csv --out plan.json \\
      --trainer "python mine.py {data} {questions} {out} {seed}"

Your program gets the protected data, the questions (as challenge writes them) and an empty folder.
For each checkpoint it leaves its answers there, as a file that verify reads, such as 3.csv. At the
end it leaves quality.json, an object with a number for each checkpoint, in the order of training;
larger is better: {"1": 0.52, "2": 0.71, "3": 0.83}. The last checkpoint is the finished model. Our
networks are asked after each epoch, and their quality is the accuracy on a fifth of the rows, held
out. Trainings that are done are not repeated.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "rehearse", "plan by training at home", _DOC)
    add = parser.add_argument
    add("data", type=Path, metavar="DATA", help="your data, as protect reads it, or a part of it")
    add("--out", type=Path, required=True, help="the plan; there must be nothing yet")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--network", metavar="NAME", help=_NETWORK)
    who.add_argument("--trainer", metavar="COMMAND", help="your program, as above")
    add("--label", help="the column of the labels, if its name does not say so")
    add("--kind", choices=("image", "text", "vector"), help="what the model reads; guessed without")
    add("--features", metavar="COLUMN,...", help="the columns that it reads; guessed without")
    add("--work", type=Path, default=Path("rehearsal"), help="where all is kept (%(default)s)")
    add("--seeds", type=int, default=3, help="how often it is trained (%(default)s)")
    add("--wanted", type=float, default=0.95, help=_WANTED)
    add("--construction", nargs="+", metavar="NAME", default=[None], help=_CONSTRUCTION)
    add("--doses", type=numbers(int, "0,1,4"), default=(0, 1, 4, 16), metavar="M,...", help=_DOSES)
    add("--eta", type=float, default=0.04, help="extra samples per row at home (%(default)s)")
    add("--max-share", type=float, default=0.01, help=_MAX_SHARE)
    add("--answers", choices=("names", "indices", "from-1"), help="as verify takes it")
    _add_recipe(parser.add_argument_group("with --network"))


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--rows", type=int, help="how many of your rows to draw at random (10,000)")
    for name, (kind, meaning) in RECIPE.items():
        choices = ("sgd", "adamw") if name == "optimizer" else None
        add(f"--{name.replace('_', '-')}", type=kind, help=meaning, choices=choices)


# What a recipe is made of but for the network: what each takes, and what it means.
RECIPE: dict[str, tuple[type, str]] = {
    "epochs": (int, "of the whole training (20)"),
    "batch_size": (int, "rows per step (128)"),
    "optimizer": (str, "sgd, with momentum, or adamw (adamw)"),
    "learning_rate": (float, "its peak; it falls to zero along a cosine (0.001)"),
    "weight_decay": (float, "on matrices and kernels (0.0005)"),
    "augment": (
        str,
        "flip, crop_flip, cutout or randaugment for images; drop_words for text; jitter for tables "
        "(none)",
    ),
    "mixup": (float, "mix two images or rows, weights from Beta(MIXUP, MIXUP) (0, not at all)"),
    "label_smoothing": (float, "the share of a label that is spread over all classes (0)"),
    "dropout": (float, "instead of the network's own"),
    "patience": (int, "stop when this many epochs bring no better model, and keep the best"),
}
_NETWORK = """\
small_cnn, digits_cnn, resnet34, resnet34_cifar, vgg11, vgg11_bn or vision_transformer for images;
textcnn, att_blstm or text_transformer for text; mlp for tables"""
_WANTED = "the share of the best quality that a model must have reached to pass (%(default)s)"
_CONSTRUCTION = """\
what differs between extra samples: noise, smooth-noise, gratings, whole-gratings or whole-coarse
for images; words or rare-words for text; numbers or most-numbers for tables. Give several, and each
is rehearsed by itself and the best one planned. By default noise, words or numbers, but
whole-gratings if the images are cropped"""
_DOSES = "how often extra samples are in the data; one must be 0, a control (0,1,4,16)"
_MAX_SHARE = "the share of the upload that may be extra rows, copies counted (%(default)s)"
