"""Files that are damaged, or hold what nobody expects."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.faults import bases
from benchmarks.faults.projects import DATA
from benchmarks.faults.scenario import Base, Scenario

_Damage = Callable[[bytes, Random], bytes]


def _truncated(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _flipped(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _zeroed(content: bytes, rng: Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    end = min(len(content), start + rng.choice([1, 16, 512, 4096]))
    return content[:start] + bytes(end - start) + content[end:]


_INSERTED = (
    *(b"\x00", b"\xff\xfe", b"\x1b[31m", b"\r", b"\r\n", b"\n\n", b'"', b",", b"{", b"}", b"'"),
    *(b"\xef\xbb\xbf", b"NaN", b"Infinity", b"-", b"9" * 400, b"1e999", b"\xc3", b"\xed\xa0\x80"),
)


def _inserted(content: bytes, rng: Random) -> bytes:
    new = rng.choice(_INSERTED)
    place = rng.randrange(len(content) + 1)
    return content[:place] + new + content[place:]


def _doubled(content: bytes, rng: Random) -> bytes:
    return content + content


def _line(content: bytes, rng: Random) -> bytes:
    """One line twice, missing, first, or without its end."""
    lines = content.split(b"\n")
    i = rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        lines.insert(i, lines[i])
    elif kind == 1:
        del lines[i]
    elif kind == 2:
        lines.insert(0, lines.pop(i))
    else:
        lines[i] = lines[i][: len(lines[i]) // 2]
    return b"\n".join(lines)


def _as(encoding: str) -> _Damage:
    return lambda content, rng: content.decode("latin-1").encode(encoding)


def _instead(new: bytes) -> _Damage:
    return lambda content, rng: new


_DAMAGE: dict[str, _Damage] = {
    "truncated": _truncated,
    "with flipped bits": _flipped,
    "with zeros": _zeroed,
    "with something inserted": _inserted,
    "twice": _doubled,
    "with a line moved": _line,
    "in UTF-16": _as("utf-16"),
    "in UTF-32": _as("utf-32"),
    "in UTF-8 with a BOM": lambda content, rng: b"\xef\xbb\xbf" + content,
    "with Windows's ends of lines": lambda c, rng: c.replace(b"\n", b"\r\n"),
    "with old ends of lines": lambda c, rng: c.replace(b"\n", b"\r"),
    "empty": _instead(b""),
    "a new line": _instead(b"\n"),
    "random bytes": lambda content, rng: rng.randbytes(500),
    "zeros": lambda content, rng: bytes(len(content)),
    "a deep list": _instead(b"[" * 100_000),
    "a deep object": _instead(b'{"a":' * 50_000),
    "a number": _instead(b"3"),
    "null": _instead(b"null"),
    "an empty object": _instead(b"{}"),
    "an empty list": _instead(b"[]"),
    "a long number": _instead(b"9" * 10_000),
    "a string": _instead(b'"\\u001b[31m"'),
    "a page": _instead(b"<!doctype html><title>404</title>"),
    "a PNG": _instead(b"\x89PNG\r\n\x1a\n" + bytes(30)),
    "an archive": _instead(b"PK\x03\x04" + bytes(40)),
    "a Parquet file's ends": _instead(b"PAR1" + bytes(20) + b"PAR1"),
    "a pickle": _instead(b"\x80\x04N."),
    "one long line": lambda content, rng: content.replace(b"\n", b" "),
    "quoted": lambda content, rng: b'"' + content,
    "a folder": _instead(b"folder"),
    "missing": _instead(b"missing"),
}
_READ = (
    *("data.csv", "data.jsonl", "data.npz", "data.parquet", "photos", "record.json", "plan.json"),
    *(f"{n}{s}" for n in ("right", "wrong") for s in (".csv", ".json", ".jsonl", ".parquet")),
    *("right.cache.jsonl", "wrong.cache.jsonl"),
)
_RIGHT_OR_WRONG = ("right", "wrong")


def damaged(rng: Random) -> Scenario:
    """A file that is damaged."""
    make = rng.choice(
        [
            *(bases.protect, bases.planned, bases.challenge, bases.verify, bases.verify),
            *(bases.calibrate, bases.look, lambda r: bases.ask(r, cache=True)),
        ]
    )
    base = make(rng)
    named = [word for word in base.command if word in _READ] + ["record.json.ledger"]
    target = rng.choice(named)
    how, damage = rng.choice(list(_DAMAGE.items()))
    drawn = Random(rng.random())

    def prepare(folder: Path) -> None:
        path = folder / target
        if path.is_dir():
            path = drawn.choice(sorted(path.rglob("*.png")))
        content = path.read_bytes() if path.is_file() else b'{"shard": "1/1"}\n'
        new = damage(content, drawn)
        path.unlink(missing_ok=True)
        if new == b"folder":
            path.mkdir()
        elif new != b"missing":
            path.write_bytes(new)

    changed = target.startswith(_RIGHT_OR_WRONG)
    return Scenario(
        "damaged", f"{target} is {how}", base, base.command, prepare, answers_changed=changed
    )


_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5),
    *(float("nan"), float("inf"), float("-inf"), 1e308, 5e-324, -0.0, "", "x", "0", "1", "nan"),
    *([], {}, [[]], [None], {"": ""}, [1, 2], {"label": "ant"}, "\x1b[31m", "[/]", "\ud800"),
    *("x" * 100_000, "a\nb", "\x00", "ant ", "ANT", [0.1, 0.2, 0.3, 0.4], {"ant": 1}, "é"),
)


def odd_values(rng: Random) -> Scenario:
    """A file in which one value is of another kind."""
    kind = rng.choice(
        ["record", "record", "plan", "ledger", "cache", "answers", "jsonl", "csv", "csv"]
    )
    return _MAKE[kind](rng)


def _spelled(value: Any) -> str:
    try:
        return json.dumps(value)
    except ValueError:  # a number with more digits than Python writes
        return "9" * 5000


def _anywhere(value: Any, new: Any, rng: Random) -> Any:
    """A copy in which one value is another, or a key is gone or there twice."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if rng.random() < 0.1:
            return {**value, f"{key}2": new}
        return {**value, key: _anywhere(value[key], new, rng)}
    if isinstance(value, list) and value and rng.random() < 0.5:
        i = rng.randrange(len(value))
        return [*value[:i], _anywhere(value[i], new, rng), *value[i + 1 :]]
    return new


def _change_json(name: str, base: Base, rng: Random, *, lines: bool = False) -> Scenario:
    new, drawn = rng.choice(_VALUES), Random(rng.random())

    def prepare(folder: Path) -> None:
        path = folder / name
        if not path.exists() or not (text := path.read_text()):
            return
        if lines:
            rows = [json.loads(line) for line in text.splitlines()]
            i = drawn.randrange(len(rows))
            rows[i] = _anywhere(rows[i], new, drawn)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            path.write_text(json.dumps(_anywhere(json.loads(text), new, drawn)))
        if drawn.random() < 0.1:
            twice = path.read_text().replace("{", '{"version": 1, "id": "x", ', 1)
            path.write_text(twice)

    changed = name.startswith(_RIGHT_OR_WRONG)
    variant = f"{name} with {_spelled(new)[:40]}"
    return Scenario("odd_values", variant, base, base.command, prepare, answers_changed=changed)


def _record(rng: Random) -> Scenario:
    make = rng.choice([bases.challenge, bases.verify, bases.look, bases.ask, bases.calibrate])
    return _change_json("record.json", make(rng), rng)


def _ledger(rng: Random) -> Scenario:
    words = ("show", "record.json")
    base = Base("table", words) if rng.random() < 0.3 else bases.ask(rng)
    return _change_json("record.json.ledger", base, rng, lines=True)


def _cache(rng: Random) -> Scenario:
    base = bases.ask(rng, cache=True)
    name = "right.cache.jsonl" if base.knows else "wrong.cache.jsonl"
    base = Base(base.project, base.given("--cache", name), base.knows, asks=True)
    return _change_json(name, base, rng, lines=True)


def _answers(rng: Random) -> Scenario:
    knows, suffix = rng.random() < 0.5, rng.choice([".json", ".jsonl"])
    name = f"{'right' if knows else 'wrong'}{suffix}"
    words = ("verify", "record.json", "--predictions", name, *rng.choice([(), ("--json",)]))
    return _change_json(name, Base("table", words, knows), rng, lines=suffix == ".jsonl")


def _jsonl(rng: Random) -> Scenario:
    base = bases.protect(Random(0))
    while base.project != "text":
        base = bases.protect(rng)
    return _change_json("data.jsonl", base, rng, lines=True)


_CELLS = (
    *("9223372036854775808", "18446744073709551616", "-9223372036854775809", "9" * 400, "nan"),
    *(
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "1e308",
        "-1e308",
        "5e-324",
        "",
        " ",
        "NULL",
        "NA",
    ),
    *(
        "x",
        "1,5",
        "1.5.2",
        "0x10",
        "\u0661",
        "½",
        "true",
        '"',
        "\x00",
        "\x1b[31m",
        "\u202e",
        "1e",
        "--1",
    ),
    *(
        "a\nb",
        "x" * 100_000,
        "2020-01-01",
        "12:30",
        "+5",
        "1_000",
        "0.1" + "0" * 400,
        "\u22121",
        "1\u00a0000",
    ),
)


def _csv(rng: Random) -> Scenario:
    cell, drawn = rng.choice(_CELLS), Random(rng.random())
    wide = rng.choice(
        ["one value", "a column", "a label", "all labels", "a row too long", "a head"]
    )
    form = rng.choice(["protect", "protect", "own", "decoys"])
    words: tuple[str, ...] = bases.planned(rng).command[:6] + bases.PROTECT
    if form == "own":
        words = ("challenge", "record.json", "--out", "asked.csv", "--own", "data.csv")
    elif form == "decoys":
        words = ("challenge", "record.json", "--out", "asked.csv", "--decoys", "data.csv")
    base = Base("table", words)

    def prepare(folder: Path) -> None:
        rows = [line.split(",") for line in (folder / "data.csv").read_text().splitlines()]
        i, j = drawn.randrange(1, len(rows)), drawn.randrange(12)
        places = {
            "one value": [(i, j)],
            "a column": [(k, j) for k in range(1, len(rows))],
            "a label": [(i, 12)],
            "all labels": [(k, 12) for k in range(1, len(rows))],
            "a head": [(0, j)],
        }
        for k, m in places.get(wide, []):
            rows[k][m] = cell
        if wide == "a row too long":
            rows[i].append(cell)
        text = "\n".join(",".join(row) for row in rows)
        (folder / "data.csv").write_text(text + "\n")

    variant = f"{DATA['table']}: {wide} is {cell[:30]!r}"
    return Scenario("odd_values", variant, base, words, prepare)


_MAKE: dict[str, Callable[[Random], Scenario]] = {
    "record": _record,
    "plan": lambda rng: _change_json("plan.json", bases.planned(rng), rng),
    "ledger": _ledger,
    "cache": _cache,
    "answers": _answers,
    "jsonl": _jsonl,
    "csv": _csv,
}
