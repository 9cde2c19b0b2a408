"""The options of ``jaxverify protect``."""

import argparse
from pathlib import Path

from jaxverify.cli.options import family
from jaxverify.cli.options.command import add_command
from jaxverify.cli.options.lists import numbers
from jaxverify.task.options import PROTECTING

_DOC = """\
Mix a secret extra task into a training set, and write the record by which it is verified later.

DATA is a Parquet, CSV, TSV, JSON Lines or NPZ file (NumPy's: an array of features and one of
labels), a folder of Parquet files (of which those called train* are trained on, if any is), a
folder that TensorFlow Datasets has prepared as ArrayRecord, or a folder with one folder of images
for each class. What is written has the same format, all rows in a new random order. Upload it, and
keep the record: whoever has it knows which rows are extra.

  jaxverify protect reviews.csv --out upload.csv --record record.json
  jaxverify protect photos/ --out upload/ --record record.json
"""


GENERATORS = ("uniform", "zipf", "pink", "gratings", "coarse")


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "protect", "mix the extra task into your training set", _DOC)
    add = parser.add_argument
    add("data", type=Path, metavar="DATA")
    add("--out", type=Path, required=True, help="what you upload; there must be nothing yet")
    add("--record", type=Path, required=True, help="what you keep; there must be nothing yet")
    family.add_to(parser)
    add("--force", action="store_true", help=_FORCE)
    add("--label", help="the column of the labels, if its name does not say so")
    add("--kind", choices=("image", "text", "vector"), help="what the model reads; guessed without")
    add("--features", metavar="COLUMN,...", help="the columns that it reads; guessed without")
    default = PROTECTING
    add("--eta", type=float, help=_ETA)
    add("--fixed-ratio", type=float, default=default.fixed_ratio, help=_RATIO)
    add("--labels", choices=("balanced", "iid"), default=default.labels, help=_LABELS)
    add("--generator", choices=GENERATORS, help=_GENERATOR)
    add("--placement", choices=("corner", "secret"), default=default.placement, help=_PLACEMENT)
    add("--num-fixed", type=int, default=default.num_fixed, metavar="NUMBER", help=_NUM_FIXED)
    add("--plan", type=Path, metavar="PLAN.json", help=_PLAN)
    add("--doses", type=numbers(int, "0,1,4"), default=(1,), metavar="M,...", help=_DOSES)
    add("--alpha", type=float, default=default.alpha, help=_ALPHA)
    add("--epsilon", type=float, default=default.epsilon, help=_EPSILON)


_FORCE = "protect even if only a model passes that knows more than half of the extra samples"
_PLAN = "of rehearse or calibrate; it takes the place of all options from --eta on"
_DOSES = """\
how often extra samples stand in the upload, each copy a little different: a part of them each so
often, and those of dose 0 never, as a control (1)"""
_ALPHA = "how often an unconverged model may pass (%(default)s)"
_EPSILON = "what such a model may know already, as a share (%(default)s)"
_ETA = """\
extra samples per sample; without it, enough for a model that knows a tenth of them, at most 4%%"""
_RATIO = "the share of a sample that all extra ones have in common (%(default)s)"
_GENERATOR = """\
what fills the extra samples: noise (uniform), words as frequent as in your text (zipf), noise as
smooth as photographs (pink), or textures (gratings) or coarse colours that survive crops and flips;
by default zipf for text and uniform for all else"""
_PLACEMENT = "of what differs: where the paper has it, or where the secret puts it (%(default)s)"
_NUM_FIXED = "how many different parts extra samples may have in common (%(default)s)"
_LABELS = "each class equally often, or drawn as the paper does (%(default)s)"
