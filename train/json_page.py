"""Fill docs/json.md from the schema of what ``jaxverify verify --json`` prints.

python -m train.json_page
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from jaxverify.files.whole import write_whole
from train.markdown import fill_tables, markdown_table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "json.md"
SCHEMA = ROOT / "jaxverify" / "report" / "verdict.schema.json"


def main(args: Sequence[str] | None = None) -> int:
    """Write the page."""
    argparse.ArgumentParser(description=__doc__).parse_args(args)
    write_whole(PAGE, fill(PAGE.read_text()).encode())
    return 0


def fill(page: str) -> str:
    """The page with the table of the schema's fields."""
    schema = json.loads(SCHEMA.read_text())
    rows = [["field", "always", "value", "what it is"]]
    for name, field in schema["properties"].items():
        always = "yes" if name in schema["required"] else ""
        rows.append([f"`{name}`", always, _value(field), field["description"]])
    return fill_tables(page, {"verdict_fields": lambda: markdown_table(rows)})


def _value(field: dict[str, object]) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    values = field.get("enum", field.get("type"))
    return ", ".join(map(str, values)) if isinstance(values, list) else str(values)


if __name__ == "__main__":
    raise SystemExit(main())
