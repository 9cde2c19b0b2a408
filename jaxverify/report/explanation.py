"""An outcome in words: what it means, what its reasons may be, and what to do next."""

from collections.abc import Mapping
from typing import Any

_MEANINGS = {
    "PASS": "the model knows more of the extra samples than an unfinished one would",
    "FAIL": "the model knows too few of the extra samples to pass",
    "INCONCLUSIVE": "too few extra samples to tell; this is not a pass",
    "NO POWER": "no power to tell: too little is memorised, or the model cannot memorise",
}
_NOT_OWN = {
    "FAIL": "the model knows its own training samples less well than honest training would make it",
    "INCONCLUSIVE": "too few of its own training samples were answered to tell; this is not a pass",
}
_STOPPED = "Training was stopped early."
_RECIPE = (
    "The recipe keeps networks from learning samples by heart: crops, cutout, RandAugment, mixup, "
    "strong dropout or weight decay, early stopping, privacy protection."
)
_OTHER_RECIPE = "The recipe is not the one that was rehearsed."
_FAMILY = "The model is of a family that cannot learn samples by heart: linear, or a shallow tree."
_ROWS = "Rows were held out, filtered or deduplicated, and extra ones among them."
_ASK = "Ask the cloud for its recipe, for the rows that it used, and for the curve of its training."
_REHEARSE = (
    "Train a model of this kind to the end yourself, on part of the data (jaxverify rehearse). If "
    "it does not pass either, this test cannot tell, and the outcome means nothing."
)
_REHEARSE_AGAIN = "Rehearse the recipe that the cloud names, and see whether its models would pass."
_NO_PROOF = "Do not accuse anyone on this alone: it is a reason to ask, not proof."
_ASK_AGAIN = "Ask the questions again that have no answer, or none that is a class."
_ASK_ALL = "Ask the remaining questions."
_MORE = "Protect more data, or let more rows be extra, and have the model trained again."


def explanation(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a verdict's facts come to: "meaning", "reasons" and "next_steps".

    Args:
        facts: as a verdict's ``to_dict`` gives them; where the command line added what it knows
            ("own", "misread", "unread", "finished_share"), the words follow it.

    Guarantee: every outcome has a meaning, and every FAIL has reasons and next steps.
    """
    return {"meaning": meaning(facts), "reasons": _reasons(facts), "next_steps": _steps(facts)}


def meaning(facts: Mapping[str, Any]) -> str:
    """The outcome in words; where the model's own training samples decide, by these."""
    outcome, is_sequential = facts["outcome"], facts["test"] == "sequential"
    own = (facts.get("own") or {}).get("outcome")
    if facts.get("misread") and outcome == "INCONCLUSIVE":
        return "the classes are likely misread; this is not a pass"
    if facts.get("unread") and outcome == "INCONCLUSIVE":
        return "another field may hold the answers; this is not a pass"
    if own == outcome != "PASS":
        return _NOT_OWN[outcome]
    if is_sequential and outcome == "INCONCLUSIVE":
        return "the answers are not clear; this is not a pass"
    return _MEANINGS[outcome]


def _is_rehearsed(facts: Mapping[str, Any]) -> bool:
    return facts.get("finished_share") is not None


def _reasons(facts: Mapping[str, Any]) -> list[str]:
    if facts["outcome"] != "FAIL":
        return []
    recipe = [_OTHER_RECIPE] if _is_rehearsed(facts) else [_RECIPE, _FAMILY]
    return [_STOPPED, *recipe, _ROWS]


def _steps(facts: Mapping[str, Any]) -> list[str]:
    if facts["outcome"] == "FAIL":
        return [_ASK, _REHEARSE_AGAIN if _is_rehearsed(facts) else _REHEARSE, _NO_PROOF]
    if facts["outcome"] != "INCONCLUSIVE" or facts.get("misread") or facts.get("unread"):
        return []
    own = facts.get("own") or {}
    if facts["num_unknown"] or own.get("num_unknown"):
        return [_ASK_AGAIN]
    if facts.get("num_asked", facts["num_samples"]) < facts["num_samples"]:
        return [_ASK_ALL]
    return [_MORE]
