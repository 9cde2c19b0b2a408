from . import stats
from .errors import DataError, UserError
from .task.extra_task import ExtraTask
from .task.generation import generate
from .task.mixing import Mixed, mix
from .task.samples import Samples
from .verification.answers import verify
from .verification.cautions import cautions
from .verification.score_verdict import ScoreVerdict
from .verification.scores import verify_reconstruction, verify_scores
from .verification.trained_model import TrainedModel
from .verification.verdict import Verdict

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
