"""The verdict as an in-toto statement: what pipelines sign, keep and check."""

from collections.abc import Mapping
from typing import Any

_RESULTS = {"PASS": "PASSED", "FAIL": "FAILED", "INCONCLUSIVE": "WARNED"}


def statement(
    facts: Mapping[str, Any], *, model: str, digest: str, commitment: str
) -> dict[str, Any]:
    """A statement of type "test result", not signed.

    Args:
        facts: of the verdict, as its ``to_dict`` gives them.
        model: the name of the file that was judged: the model's, or that of its answers.
        digest: SHA-256 of that file, in hexadecimal.
        commitment: to the record, which is the test's configuration.

    Returns:
        dict: plain values, for JSON; see https://in-toto.io/attestation/test-result/v0.1.

    Guarantee: the result is PASSED exactly where the verdict is a PASS.
    """
    outcome = facts["outcome"]
    test = f"trained to the end ({facts['test']})"
    named = {"PASS": "passedTests", "FAIL": "failedTests", "INCONCLUSIVE": "warnedTests"}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": model, "digest": {"sha256": digest}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": _RESULTS[outcome],
            "configuration": [{"name": "jaxverify record", "digest": {"sha256": commitment}}],
            **{name: [test] if key == outcome else [] for key, name in named.items()},
            "annotations": dict(facts),
        },
    }
