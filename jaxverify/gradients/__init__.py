"""Gradients of single samples, and what Theorem 1 of the paper says of them."""

from jaxverify.gradients.coherence import coherence, pairwise_cosines
from jaxverify.gradients.comparison import Comparison, Estimate, compare
from jaxverify.gradients.norms import per_example_norms
from jaxverify.gradients.task import TaskGradients, task_gradients

__all__ = [
    "Comparison",
    "Estimate",
    "TaskGradients",
    "coherence",
    "compare",
    "pairwise_cosines",
    "per_example_norms",
    "task_gradients",
]
