"""What the generated pages are made of: tables, and the blocks in which they stand."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

_BLOCK = re.compile(r"(<!-- (?!end )(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; the first row is its head.

    >>> print(markdown_table([["a", "b"], ["1", "2"]]), end="")
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def fill_blocks(page: str, text_of: Callable[[str], str | None]) -> str:
    r"""The page with new text in its blocks; what stands outside is written by hand.

    Args:
        page: Markdown, in which a block is from ``<!-- NAME -->`` to ``<!-- end -->``.
        text_of: the text of a block, by its name; None, if it stays as it is.

    >>> print(fill_blocks("a\n<!-- b -->\nold\n<!-- end -->\nc", lambda name: f"new {name}\n"))
    a
    <!-- b -->
    new b
    <!-- end -->
    c
    """

    def filled(block: re.Match[str]) -> str:
        text = text_of(block[2])
        return block[0] if text is None else f"{block[1]}{text}{block[3]}"

    return _BLOCK.sub(filled, page)


def fill_tables(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """The page with each of these tables, by the name of its block, between blank lines."""
    return fill_blocks(page, lambda name: f"\n{tables[name]()}\n" if name in tables else None)
