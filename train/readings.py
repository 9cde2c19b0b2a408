"""Verdicts on answers in every form, from models known to be honest or lazy.

python -m train.readings

An honest model knows nearly all extra samples, a lazy one none; each gives its answers in every
form, about classes that are called in every way we have seen. A verdict is wrong if an honest
model fails, or a lazy one passes whose answers, read rightly, do not: one in a hundred may by
chance. What was counted goes to ``results/readings/``, and from there to the table of
``docs/models.md``.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from rich.progress import track

from jaxverify import ExtraTask, UserError
from jaxverify.cli.evidence import add_evidence
from jaxverify.cli.judging import Judge
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.reading import read_all
from jaxverify.record.record import Record, new_record
from jaxverify.record.shard import WHOLE
from jaxverify.rendering import TextRendering
from train.markdown import markdown_table
from train.study import Study

_SAMPLES = 300
_CLASSES = (2, 4, 10)
Labels = Literal["iid", "balanced"]
_LABELS: tuple[Labels, ...] = ("iid", "balanced")

# How classes are called, by their number.
NAMES: dict[str, Callable[[int], tuple[str, ...]]] = {
    "words": lambda c: tuple(f"{'abcdefghij'[i]}-word" for i in range(c)),
    "numbers from 0": lambda c: tuple(str(i) for i in range(c)),
    "numbers from 1": lambda c: tuple(str(i + 1) for i in range(c)),
    "decimals from 1": lambda c: tuple(f"{i + 1}.0" for i in range(c)),
    "numbers with zeros before": lambda c: tuple(f"{i + 1:03}" for i in range(c)),
    "words with blanks": lambda c: tuple(f" {'abcdefghij'[i]}" for i in range(c)),
}


@dataclass(frozen=True)
class Said:
    """An answer before it takes a form: a class, and scores in which that class is highest."""

    index: int
    scores: tuple[float, ...]
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the class."""
        return self.names[self.index]

    def shuffled(self) -> tuple[list[str], list[float]]:
        """Names and scores, the best first."""
        order = np.argsort(self.scores)[::-1].tolist()
        return [self.names[i] for i in order], [self.scores[i] for i in order]


def _pairs(said: Said, most: int | None = None) -> list[dict[str, Any]]:
    pairs = zip(*said.shuffled(), strict=True)
    return [{"label": name, "score": score} for name, score in list(pairs)[:most]]


FORMS: dict[str, Callable[[Said], Any]] = {
    "the name": lambda said: said.name,
    "the name without blanks": lambda said: said.name.strip(),
    "the name with a blank": lambda said: f"{said.name} ",
    "the name and its score": lambda said: {"label": said.name, "score": max(said.scores)},
    "a list of one": lambda said: [{"label": said.name, "score": max(said.scores)}],
    "an index from 0": lambda said: said.index,
    "an index from 0, as text": lambda said: str(said.index),
    "an index from 0, as a decimal": lambda said: float(said.index),
    "a number from 1": lambda said: said.index + 1,
    "LABEL_i": lambda said: f"LABEL_{said.index}",
    "fastText's label": lambda said: f"__label__{said.name}",
    "scores in order": lambda said: list(said.scores),
    "scores in order, in an object": lambda said: {"probabilities": list(said.scores)},
    "scores by name": lambda said: dict(zip(said.names, said.scores, strict=True)),
    "names and scores, sorted": lambda said: dict(
        zip(("classes", "scores"), said.shuffled(), strict=True)
    ),
    "pairs of name and score": _pairs,
    "the best two pairs": lambda said: _pairs(said, 2),
    "the name beside scores in another order": lambda said: {
        "label": said.name,
        "scores": said.shuffled()[1],
    },
    "names and indices mixed": lambda said: said.name if said.scores[0] < 0.5 else said.index,
    "scores in an order that nobody tells": lambda said: [*said.scores[1:], said.scores[0]],
    "words that are no class": lambda said: f"surely {said.index}",
}


def measure(sets: int) -> dict[str, Any]:
    """For each form and way to call the classes, how often each outcome was.

    Guarantee: a function of ``sets``.
    """
    rng, measured = np.random.default_rng(0), {}
    tasks: list[tuple[int, Labels]] = [(c, labels) for c in _CLASSES for labels in _LABELS]
    for called in track(list(NAMES), description="ways to call classes"):
        judges = [_judge(c, labels, NAMES[called](c)) for c, labels in tasks]
        for form in FORMS:
            outcomes: dict[str, Counter[str]] = {"honest": Counter(), "lazy": Counter()}
            wrong = 0
            for i in range(sets):
                judge, honest = judges[i % len(judges)], rng.random() < 0.5
                answers = _answers(judge, honest, rng)
                said = {name: FORMS[form](each) for name, each in answers.items()}
                outcome = _outcome(judge, said)
                outcomes["honest" if honest else "lazy"][outcome] += 1
                if outcome == ("FAIL" if honest else "PASS"):
                    rightly = judge.verdict({name: each.index for name, each in answers.items()})
                    wrong += honest or rightly.outcome != "PASS"
            measured[f"{called}; {form}"] = {
                "outcomes": {who: dict(counts) for who, counts in outcomes.items()},
                "wrong": int(wrong),
            }
    return measured


def _judge(num_classes: int, labels: Labels, names: tuple[str, ...]) -> Judge:
    task = ExtraTask("text", (80,), num_classes, _SAMPLES, vocab_size=52, labels=labels)
    words = TextRendering(tuple(f"w{i}" for i in range(50)))
    secret = num_classes.to_bytes(16, "big") + labels.encode().ljust(16)
    record: Record = new_record(task, words, ("text",), names, secret=secret)
    return Judge.of(record, WHOLE, "binomial")


def _answers(judge: Judge, honest: bool, rng: np.random.Generator) -> dict[str, Said]:
    """An honest model knows nine tenths of the samples or more; a lazy one guesses with a bias."""
    names = judge.record.class_names
    guesses = rng.choice(len(names), len(judge.labels), p=rng.dirichlet(np.ones(len(names))))
    known = rng.random(len(judge.labels)) < rng.uniform(0.9, 1.0) * honest
    said = {}
    for name, index in zip(judge.ids, np.where(known, judge.labels, guesses), strict=True):
        scores = rng.dirichlet(np.ones(len(names)))
        top = scores.argmax()
        scores[[index, top]] = scores[[top, index]]
        said[name] = Said(int(index), tuple(scores.tolist()), names)
    return said


def _outcome(judge: Judge, said: dict[str, Any]) -> str:
    said = json.loads(json.dumps(said))  # as it comes from a file or an endpoint
    classes = Classes(judge.record.class_names)
    try:
        found = read_all(said, classes)
    except UserError:
        return "no verdict"
    facts = judge.verdict(found).to_dict()
    add_evidence(facts, judge, said, found, classes, None)
    return facts["outcome"]


def table(measured: dict[str, Any]) -> str:
    """The counts, and how many verdicts are wrong."""
    head = ["classes; answers", "honest: pass", "fail", "other", "no verdict"]
    rows = [[*head, "lazy: pass", "fail", "other", "no verdict"]]
    for kind, one in measured.items():
        row = [kind]
        for who in ("honest", "lazy"):
            counts = Counter(one["outcomes"][who])
            other = counts["INCONCLUSIVE"]
            row += map(str, (counts["PASS"], counts["FAIL"], other, counts["no verdict"]))
        rows.append(row)
    chance = sum(one["outcomes"]["lazy"].get("PASS", 0) for one in measured.values())
    text = f"{num_wrong(measured)} wrong verdicts. {chance} lazy models passed by chance: their"
    return f"{markdown_table(rows)}\n{text} answers were read rightly.\n"


def num_wrong(measured: dict[str, Any]) -> int:
    """How many verdicts are wrong."""
    return sum(one["wrong"] for one in measured.values())


STUDY = Study(
    name="readings",
    page="models.md",
    repeats=200,
    facts={"samples": _SAMPLES, "classes": _CLASSES},
    measure=measure,
    table=table,
    wrong=num_wrong,
)

if __name__ == "__main__":
    raise SystemExit(STUDY.main(__doc__ or ""))
