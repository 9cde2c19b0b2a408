"""The whole method in a minute, on scikit-learn's digits: two clouds, one of them lazy.

python -m train.demo [--workdir runs/demo]

A training set is protected with an extra task. An honest cloud trains to convergence; a lazy one
stops after two epochs and returns a model of good test accuracy. Both are verified. The exit
status is 0 only if the honest one passes and the lazy one does not.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from train.config import Config, load_config

if TYPE_CHECKING:
    from jaxverify import Verdict
    from train.run_folder import RunFolder

_HONEST_EPOCHS, _LAZY_EPOCHS = 30, 2


def main() -> int:
    """Train both clouds, verify both, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m train.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workdir", type=Path, default=Path("runs/demo"), help="of both runs")
    workdir = parser.parse_args().workdir
    from jaxverify import verify  # JAX starts here; --help need not wait for it
    from jaxverify.runs import extra_key, load_model
    from train.loop import train

    recipe = load_config("digits", "digits_cnn")
    recipe = replace(recipe, extra=True, resume=True, epochs=_HONEST_EPOCHS)
    clouds = {
        "honest": replace(recipe, workdir=workdir / "honest"),
        "stops early": replace(recipe, workdir=workdir / "lazy", stop_epoch=_LAZY_EPOCHS),
    }
    console = Console()
    runs, verdicts = {}, {}
    for name, config in clouds.items():
        console.rule(f"the cloud that {'is ' if name == 'honest' else ''}{name}")
        (runs[name],) = train(config, console)
        verdicts[name] = verify(load_model(config.run_folder), extra_key(config.seed))
    console.rule("what the customer finds")
    console.print(_table(clouds, runs, verdicts))
    console.print(f"picture: {runs['honest'].path / 'curve.png'}")
    as_expected = verdicts["honest"].passed and not verdicts["stops early"].passed
    return 0 if as_expected else 1


def _table(
    clouds: dict[str, Config], runs: "dict[str, RunFolder]", verdicts: "dict[str, Verdict]"
) -> Table:
    columns = ("cloud", "epochs", "test accuracy", "extra task", "T", "p-value", "verdict")
    table = Table(*columns)
    for name, verdict in verdicts.items():
        summary = json.loads((runs[name].path / "result.json").read_text())["summary"]
        facts = verdict.to_dict()
        table.add_row(
            name,
            f"{summary['epochs']:g} of {clouds[name].epochs:g}",
            f"{summary['final_test_accuracy']:.2%}",
            f"{facts['accuracy']:.2%}",
            f"{facts['threshold']:.2%}",
            f"{facts['p_value']:.2g}",
            facts["outcome"],
        )
    return table


if __name__ == "__main__":
    raise SystemExit(main())
