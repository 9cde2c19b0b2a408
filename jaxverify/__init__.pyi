from . import stats
from .caution import cautions
from .errors import DataError, UserError
from .extra_task import ExtraTask
from .generation import generate
from .mixing import Mixed, mix
from .samples import Samples
from .score_verdict import ScoreVerdict
from .scores import verify_reconstruction, verify_scores
from .trained_model import TrainedModel
from .verdict import Verdict
from .verification import verify

__version__: str

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
    "stats",
    "verify",
    "verify_reconstruction",
    "verify_scores",
]
