from . import gradients, keys, protect, stats
from .errors import DataError, UserError
from .task import natural
from .task.extra_task import ExtraTask
from .task.generation import generate
from .task.mixing import Mixed, mix
from .task.samples import Samples
from .verification.by_answers import judge, verify
from .verification.by_scores import verify_reconstruction, verify_scores
from .verification.cautions import cautions
from .verification.counting import Count, count
from .verification.score_verdict import ScoreVerdict
from .verification.trained_model import TrainedModel
from .verification.verdict import Verdict

__version__: str

__all__ = [
    "Count",
    "DataError",
    "ExtraTask",
    "Mixed",
    "Samples",
    "ScoreVerdict",
    "TrainedModel",
    "UserError",
    "Verdict",
    "cautions",
    "count",
    "generate",
    "gradients",
    "judge",
    "keys",
    "mix",
    "natural",
    "protect",
    "stats",
    "verify",
    "verify_reconstruction",
    "verify_scores",
]
