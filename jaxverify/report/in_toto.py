"""The verdict as an in-toto statement: what pipelines sign, keep and check."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

_RESULTS = {"PASS": "PASSED", "FAIL": "FAILED", "INCONCLUSIVE": "WARNED"}
_MODELS = {
    "asked": "the subject, which was asked",
    "named": "the subject, as named by who ran the test: that the answers are its was not checked",
    "unknown": "not identified: the subject is the file of its answers",
}


class Subject(NamedTuple):
    """What a statement is about.

    Attributes:
        name: of a file.
        digest: SHA-256 of it, in hexadecimal.
        model: "asked", it is the model's file, which was loaded and asked; "named", it is the file
            of the model that the answers are said to be of; "unknown", it is a file of answers.
        answers: of a model that was named, where its answers came from: a file, a URL.
        answers_digest: SHA-256 of these, if they are in a file.
    """

    name: str
    digest: str
    model: Literal["asked", "named", "unknown"]
    answers: str | None = None
    answers_digest: str | None = None


def statement(facts: Mapping[str, Any], *, subject: Subject, commitment: str) -> dict[str, Any]:
    """A statement of type "test result", not signed.

    Args:
        facts: of the verdict, as its ``to_dict`` gives them.
        subject: what it is about.
        commitment: to the record, which is the test's configuration, as are the answers of a model
            that was not itself asked.

    Returns:
        dict: plain values, for JSON; see https://in-toto.io/attestation/test-result/v0.1.

    Guarantee: the result is PASSED exactly where the verdict is a PASS, and the annotations say
    under "model" whether the subject is the model.
    """
    outcome = facts["outcome"]
    test = f"trained to the end ({facts['test']})"
    named = {"PASS": "passedTests", "FAIL": "failedTests", "INCONCLUSIVE": "warnedTests"}
    configuration = [{"name": "jaxverify record", "digest": {"sha256": commitment}}]
    if subject.answers_digest is not None:
        configuration.append(
            {"name": f"answers {subject.answers}", "digest": {"sha256": subject.answers_digest}}
        )
    annotations = {**facts, "model": _MODELS[subject.model]}  # no name: that is the subject's
    if subject.answers is not None:
        annotations["answers"] = subject.answers
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": subject.name, "digest": {"sha256": subject.digest}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": _RESULTS[outcome],
            "configuration": configuration,
            **{name: [test] if key == outcome else [] for key, name in named.items()},
            "annotations": annotations,
        },
    }
