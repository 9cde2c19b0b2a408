"""What a command may come to when something goes wrong, and what it may not."""

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.faults.running import Ran
from benchmarks.faults.scenario import Scenario

TOKEN = "s3cr3t-4b1d"  # of the endpoint
TAGS = (
    "traceback",
    "status",
    "line",
    "verdict",
    "files",
    "secret",
    "hang",
    "temporary",
    "left",
    "controls",
)
_MAY_GROW = (".ledger", ".cache.jsonl")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SAID = re.compile(r"no answer|no class|not understood|misread|missing")
Files = dict[str, tuple[int, str, bytes]]


def files(folder: Path) -> Files:
    """Everything in a folder: mode, target of a link, and content."""
    entries: Files = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        link = os.readlink(path) if path.is_symlink() else ""
        content = b""
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        name = os.fsencode(path.relative_to(folder)).decode("latin-1")
        entries[name] = status.st_mode, link, content
    return entries


def secrets(before: Files) -> list[str]:
    """What may be shown nowhere."""
    known = [TOKEN]
    for name, (_, _, content) in before.items():
        if name.endswith("record.json"):
            known += re.findall(r'"(?:secret|salt)":\s*"([0-9a-f]{64})"', content.decode("latin-1"))
    return known


def violations(
    scenario: Scenario,
    ran: Ran,
    before: Files,
    after: Files,
    temporary: Files,
    beside: Sequence[Ran] = (),
) -> list[str]:
    """What was wrong, a word and a sentence each.

    Args:
        scenario: that ran.
        ran: what it came to.
        before: the folder before it.
        after: the folder after it.
        temporary: what is left in the folder for temporary files.
        beside: what the command came to that ran at the same time.
    """
    wrong = [*_of_process(scenario, ran), *_of_files(scenario, ran, before, after, temporary)]
    for other in beside:
        wrong += _of_process(scenario, other)
    if beside:
        wrong += _of_both([ran, *beside], before, after)
    else:
        wrong += _alone(scenario, ran, before, after)
    return wrong


def _of_process(scenario: Scenario, ran: Ran) -> Iterator[str]:
    err = ran.err.decode("utf-8", "replace")
    text = ran.out.decode("utf-8", "replace") + err
    if ran.hung:
        yield f"hang: {ran.hung}"
    elif "Traceback (most recent call last)" in err or "Exception ignored" in err:
        frames = re.findall(r'jaxverify/([\w/]+\.py)", line (\d+), in (\w+)', err)
        where = " ".join(frames[-1]) if frames else "at the end"
        yield f"traceback: {where}: {err.strip().splitlines()[-1][:200]}"
    if ran.status is not None and ran.status not in _statuses(scenario):
        yield f"status: {ran.status}"
    if ran.status == 2 and (line := _not_one_line(err)):
        yield f"line: {line}"
    if ran.status in (0, 1) and re.search("^error: ", err, re.MULTILINE):
        yield f"line: an error with status {ran.status}"
    is_picture = ran.out.startswith(b"\x89PNG")  # which was asked for
    control = None if is_picture else _CONTROLS.search(text) or _BIDI.search(text)
    if control:
        yield f"controls: {control[0]!r}"


def _of_files(
    scenario: Scenario, ran: Ran, before: Files, after: Files, temporary: Files
) -> Iterator[str]:
    text = (ran.out + ran.err).decode("utf-8", "replace")
    yield from _files(scenario, ran, before, after)
    for secret in secrets(before):
        # Where the fault made the command write a record, that has its own secret.
        shown = [name for name, (_, _, content) in after.items() if secret.encode() in content]
        if told := [name for name in shown if name not in before or before[name] != after[name]]:
            yield f"secret: in {told[0]}"
        if secret in text:
            yield "secret: printed"
    for name in after.keys() - before.keys():
        if (made := _made_secret(after[name][2])) and made in text:
            yield "secret: of the new record printed"
    new = after.keys() - before.keys() - set(scenario.command)
    asked = {
        word.rsplit("/", 1)[-1].partition("=")[2] or word.rsplit("/", 1)[-1]
        for word in map(str, scenario.command)
    }
    hidden = [name for name in new if _is_temporary(name) and name.rsplit("/", 1)[-1] not in asked]
    for name in [*hidden, *temporary]:
        if ran.status is not None and ran.status >= 0:
            yield f"temporary: {name}"


def _alone(scenario: Scenario, ran: Ran, before: Files, after: Files) -> Iterator[str]:
    """What can be said where nothing else ran at the same time."""
    yield from _verdict(scenario, ran, before, after)
    told = b"are written, but the output cannot be" in ran.err
    if scenario.command[0] == "protect" and ran.status == 2 and not told:
        for name in after.keys() - before.keys():
            if not _is_temporary(name):
                yield f"left: {name}"
                break


def _of_both(ran: Sequence[Ran], before: Files, after: Files) -> Iterator[str]:
    """Whether every verdict is in the ledger, and an upload has its record."""
    judged = {"PASS" if each.status == 0 else "other" for each in ran if each.status in (0, 1)}
    name = "record.json.ledger"
    if name in after and after[name] != before.get(name):
        written = {json.loads(line)["outcome"] for line in after[name][2].splitlines()}
        if not judged <= {each if each == "PASS" else "other" for each in written}:
            yield f"verdict: {sorted(judged)}, in the ledger {sorted(written)}"
    made = [each for each in after if each.startswith("out") and each not in before]
    if ("new.json" in after) != bool(made):
        yield f"left: {'new.json' if 'new.json' in after else made[0]} alone"


def _statuses(scenario: Scenario) -> tuple[int, ...]:
    judged = (1,) if scenario.command[:1] in (("verify",), ("audit",)) else ()
    number = scenario.signal[0] if scenario.signal else None
    # A process that was not started yet is ended by the signal itself.
    interrupted = (130, -2) if number == 2 else (130, -15) if number == 15 else ()
    return (0, 2, *judged, *interrupted)


def _not_one_line(err: str) -> str:
    """Why this is not one line that begins with "error: ", after a usage or alone."""
    lines = err.rstrip("\n").split("\n")
    if err.startswith("usage: "):
        ends = [i for i, line in enumerate(lines) if re.match(r"jaxverify[ a-z]*: error: ", line)]
        return "" if ends == [len(lines) - 1] else f"usage and then {lines[-1][:80]!r}"
    if lines[-1].startswith("error: ") and not any(lines[:-1]):
        return "" if len(lines) == 1 else "an empty line first"
    return f"{len(lines)} lines: {err[:160]!r}"


def _verdict(scenario: Scenario, ran: Ran, before: Files, after: Files) -> Iterator[str]:
    text = (ran.out + ran.err).decode("utf-8", "replace")
    if scenario.command[0] != "verify" or ran.status not in (0, 1):
        return
    if ran.status == 0 and scenario.base.knows is False:
        yield "verdict: a model that knows nothing passed"
    changed = scenario.answers_changed and _SAID.search(" ".join(text.split()))
    if ran.status == 1 and scenario.base.knows and not changed and re.search(r"\bFAIL\b", text):
        yield "verdict: a model that knows failed"
    for name in after:
        # What a full disk left of a line is no attempt.
        if name.endswith(".ledger") and after[name] != before.get(name) and b"\n" in after[name][2]:
            try:
                last = json.loads(after[name][2].split(b"\n")[-2])
            except (ValueError, IndexError):
                yield f"files: {name} is no ledger any more"
                return
            if (last["outcome"] == "PASS") != (ran.status == 0):
                yield f"verdict: status {ran.status}, in the ledger {last['outcome']}"


def _files(scenario: Scenario, ran: Ran, before: Files, after: Files) -> Iterator[str]:
    replaced = _replaceable(scenario) if ran.status in (0, 1) else set()
    for name, (mode, link, content) in before.items():
        if name not in after:
            yield f"files: {name} is gone"
            continue
        now = after[name]
        if name.endswith(_MAY_GROW):
            whole = content[: content.rfind(b"\n") + 1]
            if not now[2].startswith(whole) or stat.S_IFMT(now[0]) != stat.S_IFMT(mode):
                yield f"files: {name} has lost lines"
        elif now != (mode, link, content) and not stat.S_ISDIR(mode) and name not in replaced:
            yield f"files: {name} is another"


def _replaceable(scenario: Scenario) -> set[str]:
    """Reports that were there and may be written anew: those that nothing else is."""
    options = ("--html", "--in-toto", "--picture")
    words = scenario.command
    named = {b for a, b in pairwise(words) if a in options}
    return {name for name in named if "old-report" in name}


def _is_temporary(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last.startswith(".") or last.endswith((".partial", ".tmp"))


def _made_secret(content: bytes) -> str:
    secret = re.search(rb'"secret":\s*"([0-9a-f]{64})"', content)
    return secret[1].decode() if secret else ""
