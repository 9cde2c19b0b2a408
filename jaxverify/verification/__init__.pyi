from .answers import verify, verify_answers
from .cautions import cautions
from .score_verdict import ScoreVerdict
from .scores import verify_reconstruction, verify_scores
from .sequential import SequentialVerdict
from .trained_model import TrainedModel
from .verdict import Verdict

__all__ = [
    "ScoreVerdict",
    "SequentialVerdict",
    "TrainedModel",
    "Verdict",
    "cautions",
    "verify",
    "verify_answers",
    "verify_reconstruction",
    "verify_scores",
]
