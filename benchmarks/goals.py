"""Goals on a GPU, beside what was measured there.

``python -m benchmarks.gpu`` leaves the files; those that the documents quote are in
results/benchmarks/gpu/, under the names that they have there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu import task_name

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Goal:
    """A number that one task of ``benchmarks.gpu`` measures.

    Attributes:
        what: the number, for people.
        bound: the goal.
        task: the command line that measures it.
        read: the number, from what the task has measured.
        at_least: whether ``bound`` is the least, or else the most.
    """

    what: str
    bound: float
    task: str
    read: Callable[[Mapping[str, Any]], float]
    at_least: bool = False

    def row(self, folder: Path) -> list[str]:
        """What, the goal, and the number as measured, with the card, if it was."""
        goal = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        path = folder / f"{task_name(self.task)}.json"
        if not path.exists():
            return [self.what, goal, NOT_MEASURED, ""]
        content = json.loads(path.read_text())
        wanted = content["config"].get("models", ())
        try:
            value = self.read(content["measured"])
        except KeyError:  # cut short, or nothing to compare with
            return [self.what, goal, NOT_MEASURED, ""]
        if not set(wanted) <= set(content["measured"]):
            return [self.what, goal, NOT_MEASURED, ""]
        missed = value < self.bound if self.at_least else value > self.bound
        return [self.what, goal, f"{value:.3g}{' (missed)' if missed else ''}", content["devices"]]


def _step(model: str, milliseconds: float, times_pytorch: float) -> list[Goal]:
    task = f"benchmarks.train_step --rounds 5 --json {{out}}.json --models {model}"
    return [
        Goal(
            f"{model}, ms a step",
            milliseconds,
            task,
            lambda measured: 1e3 * measured[model]["seconds"]["ours"]["median"],
        ),
        Goal(
            f"{model}, PyTorch's best over ours",
            times_pytorch,
            task,
            lambda measured: measured[model]["speed_of_ours_over"]["PyTorch"]["median"],
            at_least=True,
        ),
    ]


_RUN = "benchmarks.run_cost --model vgg11 --data {data}/cifar10 --rounds 5 --json {out}.json"
_NORMS = "benchmarks.per_example --rounds 5 --json {out}.json"

GOALS = (
    *_step("resnet34", 2.5, 1.5),
    *_step("vgg11", 1.5, 1.5),
    *_step("textcnn", 1.0, 1.5),
    *_step("att_blstm", 6.0, 1.1),
    Goal(
        "a later epoch of vgg11 over its steps alone",
        1.15,
        _RUN,
        lambda measured: measured["cifar10/vgg11"]["run_over_steps_alone"],
    ),
    *(
        Goal(
            f"seconds to vgg11's first epoch, {title}",
            bound,
            _RUN,
            lambda measured, key=key: measured["cifar10/vgg11"]["seconds_to_first_epoch"][key],
        )
        for key, title, bound in (
            ("cold", "nothing compiled before", 25),
            ("warm", "the second time", 10),
        )
    ),
    Goal(
        "ghost norms over a batch gradient, the worst network",
        1.5,
        _NORMS,
        lambda measured: max(
            one["over_batch_gradient"]["ghost"]["median"] for one in measured.values()
        ),
    ),
)


def rows(folder: Path) -> list[list[str]]:
    """The table of goals, its head first."""
    return [["on a GPU", "goal", "measured", "on"], *(goal.row(folder) for goal in GOALS)]
