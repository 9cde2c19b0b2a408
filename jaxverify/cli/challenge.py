"""``jaxverify challenge``: write the questions for a model that answers elsewhere."""

import argparse

import numpy as np

from jaxverify.challenge import ID, asked_indices, questions, write_questions
from jaxverify.challenge.real_samples import read_decoys
from jaxverify.cli import own_samples
from jaxverify.cli.outputs import check_outputs, files_written, screen_of
from jaxverify.record.record import load


def run(options: argparse.Namespace) -> int:
    """Write the questions, and say how many."""
    never = [options.record, options.own, options.decoys]
    check_outputs({"--out": options.out}, force=False, never=never)
    record = load(options.record)
    own, decoys = own_samples.read(options, record), None
    if options.decoys is not None:
        rng = np.random.default_rng()  # of the operating system: nobody need draw them again
        number = len(asked_indices(record, options.shard))
        decoys = read_decoys(options.decoys, record, number, rng)
    asked = questions(record, options.shard, with_twins=options.twins, own=own, decoys=decoys)
    write_questions(asked, record.rendering, options.out)
    console = screen_of(options, options.out)
    files_written(console, {f"{len(asked[ID]):,} questions": options.out})
    return 0
