"""How many right answers on the extra task prove that a model has converged?

Under the null hypothesis "not converged" a model knows each of the N extra samples with
probability epsilon and guesses the rest, so that its right answers are X ~ Binomial(N, p) with
p = epsilon + (1-epsilon)/C (eqs. 3 to 5 of the paper). Thresholds, p-values, bounds and power all
follow from one function, the upper tail P(X >= k), in float64 on the host: they agree with each
other to the last count.
"""

from jaxverify.stats.envelope import own_accuracy_bound, own_p_value
from jaxverify.stats.permutation import permutation_p_value
from jaxverify.stats.planning import detectable_share, power, required_num_samples
from jaxverify.stats.ranks import auc, auc_bounds, rank_p_value
from jaxverify.stats.sequential import evidence_against, evidence_of_convergence
from jaxverify.stats.significance import (
    Threshold,
    memorised_bounds,
    memorised_share,
    null_probability,
    p_value,
    smallest_num_samples,
    threshold,
)
from jaxverify.stats.twins import twin_p_value

__all__ = [
    "Threshold",
    "auc",
    "auc_bounds",
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
    "smallest_num_samples",
    "threshold",
    "twin_p_value",
]
