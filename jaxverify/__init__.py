"""Verify that training on a cloud was carried through to convergence.

The public names are those in ``__all__``; models, data and layers are imported by their modules,
so that ``import jaxverify`` stays quick.
"""

from jaxverify.caution import cautions
from jaxverify.errors import DataError, UserError
from jaxverify.extra_task import ExtraTask
from jaxverify.generation import generate
from jaxverify.mixing import Mixed, mix
from jaxverify.samples import Samples
from jaxverify.score_verdict import ScoreVerdict
from jaxverify.scores import verify_reconstruction, verify_scores
from jaxverify.trained_model import TrainedModel
from jaxverify.verdict import Verdict
from jaxverify.verification import verify

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "ExtraTask",
    "Mixed",
    "Samples",
    "ScoreVerdict",
    "TrainedModel",
    "UserError",
    "Verdict",
    "cautions",
    "generate",
    "mix",
    "verify",
    "verify_reconstruction",
    "verify_scores",
]
