from .balanced import Labels, certain_share
from .own_accuracy import own_accuracy_bound, own_p_value
from .permutation import permutation_p_value
from .planning import detectable_share, power, required_num_samples
from .ranks import auc, auc_bounds, rank_p_value
from .sequential import evidence_against, evidence_of_convergence
from .thresholds import (
    Threshold,
    memorised_bounds,
    memorised_share,
    null_probability,
    p_value,
    smallest_num_samples,
    threshold,
)
from .twins import twin_p_value
from .usage import RowsUsed, rows_used

__all__ = [
    "Labels",
    "RowsUsed",
    "Threshold",
    "auc",
    "auc_bounds",
    "certain_share",
    "detectable_share",
    "evidence_against",
    "evidence_of_convergence",
    "memorised_bounds",
    "memorised_share",
    "null_probability",
    "own_accuracy_bound",
    "own_p_value",
    "p_value",
    "permutation_p_value",
    "power",
    "rank_p_value",
    "required_num_samples",
    "rows_used",
    "smallest_num_samples",
    "threshold",
    "twin_p_value",
]
