from .by_answers import judge, verify, verify_answers
from .by_scores import verify_reconstruction, verify_scores
from .cautions import cautions
from .counting import Count, count
from .score_verdict import ScoreVerdict, judge_logits, judge_scores
from .sequential import SequentialVerdict
from .trained_model import TrainedModel
from .verdict import Verdict

__all__ = [
    "Count",
    "ScoreVerdict",
    "SequentialVerdict",
    "TrainedModel",
    "Verdict",
    "cautions",
    "count",
    "judge",
    "judge_logits",
    "judge_scores",
    "verify",
    "verify_answers",
    "verify_reconstruction",
    "verify_scores",
]
