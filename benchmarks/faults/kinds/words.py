"""Odd words on the command line, and odd names in files."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.faults import bases
from benchmarks.faults.projects import DATA, NAMES, PROTECT
from benchmarks.faults.scenario import Base, Scenario

NUMBERS = (
    *("0", "-1", "1", "nan", "-nan", "inf", "-inf", "1e30", "1e9", "1e308", "1e400", "-1e30"),
    *("5e-324", "1e-300", "", " ", "x", "0x10", "1_000", "1,5", "٣", "½", "9" * 30, "9" * 5000),
    *("-0", "-0.0", "+1", " 7 ", "1e", "None", "true", "1/2", "2147483648", "9223372036854775808"),
    *("0.5", "0.999999999999", "1.0000001", "2", "3.7", "100", "-5e-324", "[/]", "\x1b[31m1", "∞"),
)
_NUMERIC: dict[str, tuple[str, ...]] = {
    "plan": ("--samples", "--classes", "--share", "--power", "--alpha", "--epsilon", "--eta"),
    "protect": (
        *("--eta", "--fixed-ratio", "--num-fixed", "--doses", "--alpha", "--epsilon"),
        *("--features", "--label"),
    ),
    "challenge": ("--shard",),
    "verify": ("--batch-size", "--budget", "--shard", "--own-accuracy", "--one-score"),
    "ask": ("--batch-size", "--budget", "--timeout", "--retries", "--shard"),
    "calibrate": ("--max-share",),
    "audit": ("--commitment",),
    "rehearse": (
        *("--seeds", "--wanted", "--doses", "--eta", "--max-share", "--rows", "--epochs"),
        *("--batch-size", "--learning-rate", "--weight-decay", "--mixup", "--label-smoothing"),
        *("--dropout", "--patience"),
    ),
}
_MAKE: dict[str, Callable[[Random], Base]] = {
    "plan": bases.plan,
    "protect": bases.protect,
    "challenge": bases.challenge,
    "verify": bases.verify,
    "ask": bases.ask,
    "calibrate": bases.calibrate,
    "audit": lambda rng: Base("table", ("audit", "record.json", "--commitment", "0" * 64)),
    "rehearse": lambda rng: Base(
        "table",
        (
            *("rehearse", "data.csv", "--out", "plan-new.json", "--network", "mlp", "--seeds", "1"),
            *("--epochs", "1", "--rows", "50", "--doses", "0,1", "--label", "missing"),
        ),
    ),
}


def numbers(rng: Random) -> Scenario:
    """Any number for an option that takes one."""
    name = rng.choice(list(_NUMERIC))
    base, option, value = _MAKE[name](rng), rng.choice(_NUMERIC[name]), rng.choice(NUMBERS)
    words = list(base.command)
    if option in words:
        del words[words.index(option) : words.index(option) + 2]
    if option == "--own-accuracy" and "--own" not in words:
        words += ["--own", DATA[base.project]]
    if option == "--shard" and rng.random() < 0.8:
        value = rng.choice([f"{value}/2", f"1/{value}", f"{value}/{value}"])
    if option == "--doses" and rng.random() < 0.8:
        value = rng.choice([f"{value},1", f"0,{value}", f"0,1,{value}", f"0,1,1,{value}"])
    words += [f"{option}={value}"]
    shown = value if len(value) < 40 else f"{value[:10]}... ({len(value)})"
    return Scenario("numbers", f"{name} {option}={shown!r}", base, tuple(words))


_URLS = (
    *("", " ", "x", "http://", "https://", "http:", "//127.0.0.1", "ftp://127.0.0.1/x"),
    *("file:///etc/passwd", "http://[::1", "http://[::1]:1/x", "http://127.0.0.1:0/x"),
    *("http://127.0.0.1:99999/x", "http://127.0.0.1:x/", "http://127.0.0.1:-1/", "http://.../x"),
    *(
        "http://a..b/",
        "http://" + "a" * 300 + "/",
        "http://" + "a." * 500 + "/",
        "http://\x1b[31m/",
    ),
    *(
        "http://127.0.0.1:PORT/\x1b[31m",
        "http://127.0.0.1:PORT/\n\nerror: x",
        "HTTP://127.0.0.1:1/",
    ),
    *("http://127.0.0.1:PORT/[/]", "http://127.0.0.1:PORT/%", "http://127.0.0.1:PORT/ü/😀"),
    *("http://ü.invalid/", "http://xn--a/", "http://0x7f000001:1/", "http://user@127.0.0.1:1/"),
    *("http://user:s3cr3t-4b1d@127.0.0.1:1/", "http://:s3cr3t-4b1d@127.0.0.1:1/", "http://\u202e/"),
    *("http://127.0.0.1:PORT?token=1", "http://127.0.0.1:PORT#x", "http://127.0.0.1\\@x/"),
    *("http://127.0.0.1:PORT/" + "x" * 100_000, "http://localhost.invalid/x", "http://[v1.x]/"),
    *("http://[fe80::1%25lo]:1/", "http://127.0.0.1:PORT/a b", "http://127.0.0.1 :PORT/", "\0"),
    *("http://127.0.0.1:PORT/\udcff", "http://*/", "http://a_b:1/", "http://-:1/", "data:,x"),
    *("http://☃.invalid:1/", "http://\u00ad:1/", "http://127.0.0.1:PORT/\u202e", "http://%00/"),
)
_TOKENS = ("", " ", "\n", "a\nb: c", "\x1b[31m", "ü", "😀", "x" * 100_000, "\udcff", "Bearer \x01x")


def urls(rng: Random) -> Scenario:
    """An odd URL, or an odd token."""
    base = bases.ask(rng)
    words = base.given("--retries", "0")
    if rng.random() < 0.8:
        url = rng.choice(_URLS)
        if rng.random() < 0.3:
            url = url.replace("/x", rng.choice(["/[red]", "/\x9b31m", "/%s", "/{}", "/\u2028x"]))
        given = tuple(url if w == bases.URL else w for w in words)
        shown = url if len(url) < 80 else f"{url[:40]}... ({len(url)})"
        return Scenario("urls", f"--url {shown!r}", base, given, server=lambda e: e.answer())
    token = rng.choice(_TOKENS)
    shown = repr(token[:20])
    return Scenario(
        *("urls", f"token {shown}", base, words),
        server=lambda e: e.answer(),
        env={"MODEL_TOKEN": token},
    )


NAMES_OF_ALL_KINDS = (
    *("[/]", "[red]", "[bold", "[link=http://x]x[/link]", "[/red]", "[[x]]", ":smile:", "\\[red]"),
    *("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "\x07", "\x08\x08\x08", "\r", "a\rb"),
    *("a\nb", "\n", "\nerror: x", "\t", "a\tb", "\u202eabc", "\u2066abc", "\u200b", "\ufeff"),
    *("😀", "😀\u200d😀", "é", "e\u0301", "\ufdfa" * 50, "x" * 200, "x" * 5000, " ", "  a  "),
    *("a b", "a,b", '"', "'", '""', "a'b\"c", "<b>", "<script>alert(1)</script>", "&amp;"),
    *("</td>", "{{7*7}}", "{% x %}", "{}", "{0}", "%s", "%d%n", "$(id)", "`id`", ";id", "|", "*"),
    *("?", "~", "#", "=1+1", "-", "--", "-x", "--help", ".", "..", "...", "a/b", "../x", "C:"),
    *("/etc/passwd", "a\\b", "NUL", "None", "nan", "NaN", "inf", "null", "true", "True", "0", "1"),
    *("-1", "1e5", "0x1", "1.0", "id", "label", "text", "x0", "\u2028", "\u2029", "\x85", "\x00"),
    *("\ud800", "İ", "ß", "\u017f", "Ⅷ", "\u0663"),
)


def class_names(rng: Random) -> Scenario:
    """Names of classes or columns as nobody expects them, from the data to the verdict."""
    name = rng.choice(NAMES_OF_ALL_KINDS)
    where = rng.choice(["class", "classes", "column", "label", "answer", "field"])
    if where in ("answer", "field"):
        return _odd_answers(rng, name, where)
    form = rng.choice(["table", "text", "images"] if where in ("class", "classes") else TABLES)
    base = Base(form, _protects(form))
    words = base.command
    if where == "label" and rng.random() < 0.5:
        words = (*words, f"--label={name}")
    if where == "column" and rng.random() < 0.3:
        words = (*words, f"--features={name}")

    def prepare(folder: Path) -> None:
        every = where == "classes"
        new = {each: f"{name}{i}" for i, each in enumerate(NAMES)} if every else {NAMES[0]: name}
        if form == "images":
            _rename_folders(folder / "photos", new)
            return
        renamed = {"column": {"x0": name, "text": name}, "label": {"label": name}}.get(where, {})
        _rewrite(folder / DATA[form], new if where in ("class", "classes") else {}, renamed)

    return Scenario("class_names", f"{where} of {form} is {name[:30]!r}", base, words, prepare)


TABLES = ["table", "text"]


def _protects(form: str) -> tuple[str, ...]:
    suffix = Path(DATA[form]).suffix
    return ("protect", DATA[form], "--out", f"out{suffix}", "--record", "new.json", *PROTECT)


def _rename_folders(folder: Path, new: dict[str, str]) -> None:
    for old, name in new.items():
        try:
            (folder / old).rename(folder / name)
        except (OSError, ValueError, UnicodeError):  # no name for a folder
            (folder / old).rename(folder / f"{old}{len(name)}")


def _rewrite(path: Path, values: dict[str, str], columns: dict[str, str]) -> None:
    with path.open(newline="") as file:
        if path.suffix == ".csv":
            rows = list(csv.reader(file))
        else:
            objects = [json.loads(line) for line in file]
            rows = [list(objects[0]), *[list(each.values()) for each in objects]]
    rows[0] = [columns.get(name, name) for name in rows[0]]
    rows[1:] = [[values.get(v, v) if isinstance(v, str) else v for v in row] for row in rows[1:]]
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        if path.suffix == ".csv":
            csv.writer(file).writerows(rows)
        else:
            lines = [json.dumps(dict(zip(rows[0], row, strict=True))) for row in rows[1:]]
            file.write("\n".join(lines))


def _odd_answers(rng: Random, name: str, where: str) -> Scenario:
    """Answers that are no class, or whose column is called oddly."""
    form = rng.choice(TABLES)
    share = rng.choice([0.05, 0.5, 1.0]) if where == "answer" else 1.0
    knows = rng.random() < 0.5
    words = ("verify", "record.json", "--predictions", "odd.jsonl", "--html", "report.html")
    base = Base(form, words, knows)
    drawn = Random(rng.random())

    def prepare(folder: Path) -> None:
        answers = json.loads((folder / f"{'right' if knows else 'wrong'}.json").read_text())
        rows = []
        for key, answer in answers.items():
            odd = where == "answer" and drawn.random() < share
            rows.append({"id": key, name if where == "field" else "label": name if odd else answer})
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "odd.jsonl").write_text(text)

    variant = f"{where} is {name[:30]!r} in {share:.0%}"
    return Scenario("class_names", variant, base, words, prepare, answers_changed=True)


def file_names(rng: Random) -> Scenario:
    """A file that is called oddly, whether it is read or written."""
    base = bases.any_of(rng)
    files = [w for w in base.command[1:] if Path(w).suffix and "/" not in w and w[0].isalpha()]
    files += ["record.json"] if "record.json" in base.command else []
    if not files:
        base, files = Base("table", ("show", "record.json")), ["record.json"]
    old = rng.choice(files)
    stem = rng.choice([*NAMES_OF_ALL_KINDS, "\udcff\udcfe", "\udce4", "a\udc80b"])
    new = f"{stem.replace('/', '_').replace(chr(0), '')[:120]}{Path(old).suffix}"
    prefix = rng.choice(["", "./"]) if not new.startswith("-") else "./"
    ghost = rng.random() < 0.3  # it is missing
    words = tuple(f"{prefix}{new}" if word == old else word for word in base.command)

    def prepare(folder: Path) -> None:
        if not (folder / old).exists() or ghost:
            return
        try:
            shutil.move(folder / old, folder / new)
            if old == "record.json" and (folder / "record.json.ledger").exists():
                (folder / "record.json.ledger").rename(folder / f"{new}.ledger")
        except (OSError, ValueError):
            return

    missing = ", missing" if ghost else ""
    return Scenario("file_names", f"{old} is {new[:40]!r}{missing}", base, words, prepare)
