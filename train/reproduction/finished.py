"""Which runs are at their end, here or on the machine that published them."""

import json
from typing import Any

from jaxverify.errors import UserError
from train.config import Config
from train.reproduction.plan import Run


def finished(run: Run, config: Config) -> dict[str, Any] | None:
    """What ``result.json`` says, or what was published from another machine's, if it is at its end.

    Args:
        run: the run.
        config: its :meth:`Run.config`; what was published under another one does not count.

    Raises:
        UserError: if the folder holds another run.
    """
    path = config.run_folder / "result.json"
    if path.exists():
        result = json.loads(path.read_text())
        changed = Config.from_json(result["config"]).differences(config)
        if changed:
            raise UserError(
                f"{config.run_folder} holds a run with another {', '.join(changed)}: move it away, "
                "or choose another --root"
            )
        return result
    if run.budget == "cpu" and run.published.exists():
        result = json.loads(run.published.read_text())
        if not Config.from_json(result["config"]).differences(config):
            return result
    return None
