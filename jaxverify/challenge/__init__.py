"""What a model is asked, and where the questions are written."""

from jaxverify.challenge.questions import ID, Own, asked_indices, questions, sample_ids, twin_ids
from jaxverify.challenge.writing import write_questions

__all__ = ["ID", "Own", "asked_indices", "questions", "sample_ids", "twin_ids", "write_questions"]
