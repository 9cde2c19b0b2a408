"""The options of ``verify`` that name a model."""

import argparse
from pathlib import Path

from jaxverify.cli.options.lists import numbers


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--predictions", type=Path, metavar="FILE", help="the model's answers, or -")
    how.add_argument("--onnx", type=Path, metavar="FILE.onnx", help="ask the model in this file")
    how.add_argument("--torch", type=Path, metavar="FILE.pt2", help=_TORCH)
    how.add_argument("--url", help="ask the model behind this endpoint")
    how.add_argument("--run", type=Path, metavar="FOLDER", help=_RUN)
    add = parser.add_argument
    add("--answers", choices=("names", "indices", "from-1"), help=_ANSWERS)
    add("--indices", dest="answers", action="store_const", const="indices", help=argparse.SUPPRESS)
    add("--output", metavar="NAME", help=_OUTPUT)
    add("--class-order", type=Path, metavar="FILE.json", help=_ORDER)
    add("--one-score", type=float, metavar="THRESHOLD", help=_ONE_SCORE)
    add("--timeout", type=float, default=60.0, help=_TIMEOUT)
    files = parser.add_argument_group("with --onnx and --torch")
    files.add_argument("--memory", type=float, metavar="GIB", help=_MEMORY)
    images = parser.add_argument_group("with --onnx and --torch, for images")
    add = images.add_argument
    add("--pixels", choices=("0-1", "0-255"), default="0-1", help=_PIXELS)
    add("--layout", choices=("nchw", "nhwc"), help=_LAYOUT)
    add("--mean", type=numbers(float, "0.49,0.48,0.45"), default=(), metavar="M,...", help=_MEAN)
    add("--std", type=numbers(float, "0.49,0.48,0.45"), default=(), metavar="S,...", help=_STD)
    asking = parser.add_argument_group("with --url")
    add = asking.add_argument
    add("--protocol", choices=("v1", "v2", "mlflow"), default="v1", help=_PROTOCOL)
    add("--named", action="store_true", help="send the names of the columns too, with v1 and v2")
    add("--auth-env", metavar="NAME", help="an environment variable: the Authorization header")
    add("--wait", type=float, default=0.0, metavar="SECONDS", help=_WAIT)
    add("--retries", type=int, default=5, help="how often to retry a failed request (%(default)s)")


_RUN = "ask the model of a run of our training scripts: its folder, or one of its checkpoints"
_TORCH = """\
ask the model in this file, written by torch.export.save or torch.jit.save; such a file is a
program and can do harm"""
_ANSWERS = """\
what the model's labels are: names of classes, indices from 0 in the order that show prints, or
numbers from 1 in that order; found out from all answers if they leave no doubt"""
_OUTPUT = """\
of a model that gives several outputs or fields, the one that is its answer; a.b is field b of a"""
_LAYOUT = """\
where the channels are: before the pixels or behind them; found out from the model's file if that
tells"""
_ORDER = """\
how the model counts the classes, if not in the order that show prints: a list of their names, or an
object that gives each name its number"""
_TIMEOUT = """\
seconds for an answer, and with --onnx and --torch to open the model and to answer a batch
(%(default)s)"""
_MEMORY = """\
GiB of memory that the model may take (8, or half of what this machine has where that is less)"""
_ONE_SCORE = """\
the model tells two classes apart by one number: above this, 0.5 of a probability and 0 of a logit,
it means the second class that show prints, or that of --class-order"""
_PIXELS = """\
what a model that takes decimals was trained on: pixels divided by 255, or as they are
(%(default)s)"""
_STD = "then divide by this: one number per channel, or one for all"
_MEAN = "then subtract this: one number per channel, or one for all"
_PROTOCOL = """\
v1: TF Serving, Vertex AI, KServe. v2: Open Inference Protocol. mlflow: its /invocations
(%(default)s)"""
_WAIT = """\
as long as this, wait for an endpoint that is starting: one that refuses connections, breaks off, is
silent or says 429, 502, 503 or 504 (%(default)s)"""
