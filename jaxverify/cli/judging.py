"""From the answers that a model has given so far to a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from jaxverify import stats
from jaxverify.challenge import Own, asked_indices, sample_ids, twin_ids
from jaxverify.predictors.answers import in_order
from jaxverify.record.record import Record
from jaxverify.record.shard import Shard
from jaxverify.stats.doses import dose_response, used_p_value
from jaxverify.stats.usage import rows_used
from jaxverify.verification import sequential
from jaxverify.verification.by_answers import verify_answers
from jaxverify.verification.cautions import cautions
from jaxverify.verification.sequential import SequentialVerdict
from jaxverify.verification.verdict import Verdict

Found = Mapping[str, int]
AnyTest = Literal["binomial", "permutation", "sequential"]


_cautions = lru_cache(cautions)  # the same after every answer


@dataclass(frozen=True)
class Judge:
    """How the answers of one attempt are judged; from :meth:`of`.

    Attributes:
        record: of the extra task.
        indices: of the extra samples, in the order in which they are asked.
        ids: of the questions, in the same order.
        labels: of the samples, in the same order.
        doses: how often each of them stands in the upload.
        alpha: α of this attempt.
        test: which one.
    """

    record: Record
    indices: Int[np.ndarray, " n"]
    ids: Sequence[str]
    labels: Int[np.ndarray, " n"]
    doses: Int[np.ndarray, " n"]
    alpha: float
    test: AnyTest

    @classmethod
    def of(cls, record: Record, shard: Shard, test: AnyTest) -> "Judge":
        """The judge of an attempt that asks ``shard``."""
        indices, ids = asked_indices(record, shard), sample_ids(record)
        doses = record.doses_of_samples()
        if test == "sequential":  # which has no use for a control
            indices = indices[doses[indices] > 0]
        return cls(
            record=record,
            indices=indices,
            ids=[ids[i] for i in indices],
            labels=np.asarray(record.samples().labels)[indices],
            doses=doses[indices],
            alpha=record.alpha / shard.of,
            test=test,
        )

    def answers(self, found: Found, own: Own | None = None) -> Int[np.ndarray, " m"]:
        """Those that the verdict rests on, in order; to a test that counts once, all.

        The answers to ``own`` samples come last.

        Guarantee: of a sequential test they do not depend on how many were asked at once.
        """
        looked_at = len(self.ids)
        if self.test == "sequential":
            looked_at = self._in_sequence(found).num_asked
        return in_order(found, [*self.ids[:looked_at], *(() if own is None else own.ids)])

    def so_far(self, found: Found) -> str:
        """The outcome on the answers so far; INCONCLUSIVE to a test that counts once."""
        return self._in_sequence(found).outcome if self.test == "sequential" else "INCONCLUSIVE"

    def verdict(self, found: Found) -> Verdict | SequentialVerdict:
        """On the answers by id; to a test that counts once a missing one is wrong."""
        if self.test == "sequential":
            return self._in_sequence(found)
        given = self.doses > 0
        return verify_answers(
            in_order(found, self.ids)[given],
            self.record.key,
            self.record.task,
            alpha=self.alpha,
            epsilon=self.record.epsilon,
            test=self.test,
            finished_share=self.record.finished_share,
            indices=self.indices[given],
            labels=np.asarray(self.record.samples().labels),
        )

    def by_dose(self, found: Found) -> dict[str, Any]:
        """What is known of each dose, and whether the model was trained on what it was given."""
        right = in_order(found, self.ids) == self.labels
        rows = dose_response(right, self.doses, self.record.task.num_classes, 1 - self.alpha)
        return {
            "used_p_value": used_p_value(right, self.doses, self.labels),
            "response": [row._asdict() for row in rows],
        }

    def rows_used(self, found: Found) -> dict[str, float]:
        """Bounds on the share of the rows of the upload that a finished model was trained on."""
        right = in_order(found, self.ids) == self.labels
        share, num_classes = self.record.finished_share, self.record.task.num_classes
        return rows_used(right, self.doses, num_classes, finished_share=share)._asdict()

    @property
    def has_control(self) -> bool:
        """Whether some of the samples were given to nobody."""
        return bool((self.doses == 0).any())

    def twins(self, found: Found) -> dict[str, Any]:
        """How many of the held-out twins were answered rightly, and what that says."""
        every, given = twin_ids(self.record), self.doses > 0
        right = in_order(found, self.ids) == self.labels
        of_twins = in_order(found, [every[i] for i in self.indices]) == self.labels
        right, of_twins, n = int(right[given].sum()), int(of_twins[given].sum()), int(given.sum())
        p_value = stats.twin_p_value(right, of_twins, n, self.record.epsilon)
        return {"num_correct": of_twins, "num_samples": n, "p_value": p_value}

    def own(self, found: Found, own: Own, accuracy: float) -> dict[str, Any]:
        """How many own training samples were answered rightly, against honest training's accuracy.

        Guarantee: the outcome is FAIL only where fewer are right, the unanswered counted as such,
        than honest training has in all but the share alpha of the cases; PASS only where no
        fewer are, the unanswered counted as wrong.
        """
        answers, n = in_order(found, own.ids), len(own.ids)
        right, unknown = int((answers == own.labels).sum()), int((answers < 0).sum())
        p_value = stats.own_p_value(right, n, accuracy)
        outcome = "PASS" if p_value > self.alpha else "INCONCLUSIVE"
        if stats.own_p_value(right + unknown, n, accuracy) <= self.alpha:
            outcome = "FAIL"
        return {
            "outcome": outcome,
            "num_correct": right,
            "num_unknown": unknown,
            "num_samples": n,
            "expected_accuracy": accuracy,
            "p_value": p_value,
        }

    def _in_sequence(self, found: Found) -> SequentialVerdict:
        ids = list(takewhile(found.__contains__, self.ids))
        task = replace(self.record.task, num_samples=len(self.ids))
        return sequential.judge(
            in_order(found, ids),
            self.labels,
            task.num_classes,
            alpha=self.alpha,
            epsilon=self.record.epsilon,
            finished_share=self.record.finished_share,
            cautions=_cautions(task, self.alpha, self.record.epsilon),
            kind=task.labels,
        )
