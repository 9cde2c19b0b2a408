"""The evidence behind a verdict: answers from the cache, not understood, or misread."""

from collections.abc import Mapping
from typing import Any

from jaxverify.cli.judging import Judge
from jaxverify.predictors.answers import UNKNOWN, Classes, in_order
from jaxverify.predictors.cache_check import Kept
from jaxverify.predictors.fields import unread
from jaxverify.predictors.reading import examples
from jaxverify.verification.families import worth
from jaxverify.verification.misread import misread

_UNEXPLAINED = 0.03  # of the samples that nobody was given
_NEARLY_ALL = 0.9  # of the rows: a cloud may hold a tenth of them out


def add_evidence(
    facts: dict[str, Any],
    judge: Judge,
    said: Mapping[str, Any],
    indices: Mapping[str, int],
    classes: Classes,
    kept: Kept | None,
) -> None:
    """Add what a reader must know about the answers to a verdict's facts.

    Args:
        facts: of the verdict; get "kept", "not_understood", "misread", "unread" and
            cautions.
        judge: of the attempt.
        said: the model's answers by the id of the question.
        indices: the class index that each answer was read as, by the same ids.
        classes: as the answers were read.
        kept: which answers came from the cache, or None.

    Guarantee: where the classes are likely misread, or other fields may hold the answer and nobody
    said which does, the outcome is no FAIL.
    """
    facts["misread"], facts["unread"] = False, []
    facts["kept"] = None if kept is None else kept._asdict()
    if kept is not None:
        again = "None of these questions was asked again, so the model may have changed since."
        if kept.asked_again:
            again = f"{kept.asked_again:,} of these questions were asked again, and "
            again += f"{kept.differ:,} answers differed."
        facts["cautions"].append(
            f"{kept.number:,} answers come from the cache, given from {kept.first} to "
            f"{kept.last}. {again}"
        )
    unclear = [said[name] for name in judge.ids if indices.get(name) == UNKNOWN]
    unknown = [answer for answer in unclear if answer is not None]
    if missing := len(unclear) - len(unknown):
        facts["cautions"].append(f"{missing:,} questions have no answer; these count as wrong.")
    facts["not_understood"] = examples(unknown) if unknown else None
    if unknown:
        facts["cautions"].append(
            f"{len(unknown):,} answers are no class and count as wrong, such as "
            f"{facts['not_understood']}."
        )
    # A model that answers its own training samples rightly uses our class names.
    own_is_right = facts.get("own", {}).get("outcome") == "PASS"
    if facts["outcome"] != "PASS" and not own_is_right:
        looked_at = [name for name in judge.ids if name in indices]
        answers = in_order(indices, looked_at)
        labels = judge.labels[[name in indices for name in judge.ids]]
        text = misread(answers, labels, facts["num_classes"])
        if text is not None:
            facts["misread"] = True
            facts["cautions"].append(text)
            if facts["outcome"] == "FAIL":
                facts["outcome"] = "INCONCLUSIVE"
        others = [] if classes.output is not None else unread(list(said.values()), classes.names)
        if facts["outcome"] == "FAIL" and others:
            facts["unread"] = others
            facts["outcome"] = "INCONCLUSIVE"
            facts["cautions"].append(
                f"The answers have other fields, such as {', '.join(others[:3])}, that were not "
                "read. Name the field that holds the answer with --output."
            )


def dose_cautions(facts: Mapping[str, Any]) -> list[str]:
    """What is odd about what a model knows of each dose, a sentence each.

    Args:
        facts: of the verdict, with "doses".
    """
    control, *given = facts["doses"]["response"]
    sentences = []
    if control["lower"] > _UNEXPLAINED:  # whatever a plan forgives of the others
        sentences.append(
            f"The model knows {control['share']:.0%} of the samples that nobody was given: "
            "somebody has the record, or the answers are not the model's."
        )
    least, most = given[0], given[-1]
    if facts["passed"] and least["upper"] < most["lower"]:
        sentences.append(
            f"It knows {most['share']:.0%} of what stood in the upload {most['dose']} times, and "
            f"at most {max(least['upper'], 0):.0%} of what stood there {_times(least['dose'])}. A "
            "model that was cut short may look like this: rehearse which dose tells the end."
        )
    return sentences


def family_cautions(facts: Mapping[str, Any]) -> list[str]:
    """What the verdict is worth if the family of the model cannot be verified, or nothing.

    Args:
        facts: of the verdict, with "family" and "finished_share".
    """
    if facts["finished_share"] is not None or facts["family"] == "unknown":
        return []
    known = worth(facts["family"])
    tells = known.pass_tells if facts["passed"] else known.fail_tells
    return [] if tells else [f"The record says {facts['family']}. {known.words}"]


def rows_cautions(rows_used: Mapping[str, float]) -> list[str]:
    """What follows if a part of the rows seems to be unused, a sentence or none.

    Args:
        rows_used: bounds on the share that was used.
    """
    upper = rows_used["upper"]
    if upper >= _NEARLY_ALL:
        return []
    return [
        f"At most {upper:.0%} of the rows were used, if the model knows as much of those as the "
        "models did that were trained at home: ask how the data were split or filtered."
    ]


def _times(dose: int) -> str:
    return "once" if dose == 1 else f"{dose} times"
