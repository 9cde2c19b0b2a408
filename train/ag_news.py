"""Train on AG News with textcnn or att_blstm.

python -m train.ag_news --extra --model att_blstm
"""

from collections.abc import Sequence

from train.main import main


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args``, or that of the process; returns the exit status."""
    return main(["ag_news"], ["textcnn", "att_blstm"], __doc__ or "", args)


if __name__ == "__main__":
    raise SystemExit(run())
