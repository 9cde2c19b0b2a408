"""A model in a process of its own: what it answers, and that it does no harm.

The process loads a runtime of the tests in place of ONNX Runtime: its models are Python.
"""

import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import python_runtime

from jaxverify import DataError, ExtraTask, UserError
from jaxverify.cli import main
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.isolated import check_installed, open_isolated
from jaxverify.predictors.local import ask
from jaxverify.predictors.model import Input
from jaxverify.predictors.process import Limits
from jaxverify.predictors.tensors import Pixels
from jaxverify.record.record import new_record, save
from jaxverify.rendering import Column, VectorRendering

X = np.arange(8, dtype=np.float32).reshape(4, 2)
LIMITS = Limits(20.0, 1.0)
PATH = Path("model.onnx")
FOREVER = "while True: pass"


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    python_runtime.install(tmp_path / "runtime", monkeypatch)


def opened(code, limits=LIMITS):
    return open_isolated("onnx", PATH, code.encode(), limits)


def running(body, limits=LIMITS, setup=""):
    """A model that does this at a question."""
    return opened(f"{setup}\ndef run(x):\n    {body}\n", limits)


def is_gone(pid, within=5.0):
    """Whether a process has ended; one that nobody waits for stays as a zombie."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if state[:1] in ("", "Z"):
            return True
        time.sleep(0.05)
    return False


def written_pid(path):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if path.exists() and path.read_text().endswith("\n"):
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError("the model wrote no pid")


def writes_pid(path, pid="os.getpid()"):
    return f"open({str(path)!r}, 'w').write(str({pid}) + '\\n')"


def test_a_model_takes_and_gives_what_it_would_here():
    setup = "names = list('abcdef')"
    body = """return [
        x * 2, np.array(["n\xf6", b"\\xff", "yes", ""], object), (x.sum(1) > 3),
        [{"no": 0.25, 1: float("nan")}] * 4, np.ones((4, 3, 2), np.float16), None]"""
    model = running(body, setup=setup)
    assert model.inputs == (Input("x", (None, 2), "float32"),)
    for _ in range(2):
        found = model.run([X])
        np.testing.assert_array_equal(found["a"], X * 2)
        assert found["a"].dtype == np.float32
        assert found["b"].tolist() == ["n\xf6", "\ufffd", "yes", ""]
        assert found["c"].tolist() == [False, True, True, True]
        assert [list(row) for row in found["d"]] == [["no", "1"]] * 4
        assert (found["e"].shape, found["e"].dtype) == ((4, 3, 2), np.float16)
        assert found["f"] is None


def test_texts_reach_a_model():
    code = "inputs = [End('t')]\ninputs[0].type = 'tensor(string)'\ninputs[0].shape = [None]\n"
    model = opened(code + "def run(t):\n    return [np.array([w[::-1] for w in t], object)]")
    texts = np.array(["ab", "\u20acc"], object)
    assert model.run([texts])["y"].tolist() == ["ba", "c\u20ac"]


ENDS = {
    "os._exit(0)": "ended before it answered",
    "os._exit(3)": "ended before it answered",
    "raise SystemExit(0)": "ended before it answered",
    "raise KeyboardInterrupt": r"crashed \(signal SIGINT\)",
    "ctypes.string_at(0)": r"crashed \(signal SIGSEGV\)",
    "os.abort()": r"crashed \(signal SIGABRT\)",
    "os.kill(os.getpid(), signal.SIGKILL)": r"was killed \(signal SIGKILL\), .* memory runs out",
    "os.kill(os.getpid(), 40)": r"crashed \(signal (40|SIGRTMIN\+6)\)",
    "return bytearray(2**31)": "wanted more than 1 GiB of memory: raise --memory",
    "return [b'x' * 2**20 for _ in range(2**30)]": "wanted more than 1 GiB of memory",
    "raise RuntimeError('std::bad_alloc')": "wanted more than 1 GiB of memory",
    "[os.close(fd) for fd in range(3, 64) if fd_open(fd)]; time.sleep(60)": "ended before",
    "[os.write(fd, b'\\xff' * 99) for fd in range(3, 64) if writable(fd)]": "gave too much",
    "[os.write(fd, bytes(99)) for fd in range(3, 64) if writable(fd)]": "gave what cannot be read",
}
FDS = """
import fcntl
def fd_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
def writable(fd):
    return fd_open(fd) and fcntl.fcntl(fd, fcntl.F_GETFL) & 3 == os.O_WRONLY
"""


@pytest.mark.parametrize("body", ENDS)
def test_a_model_that_ends_at_a_question_is_an_error_that_says_how(body, capfd):
    model = running(body, setup=FDS)
    with pytest.raises(UserError, match=rf"^model\.onnx {ENDS[body]}"):
        model.run([X])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("code", ["os._exit(0)", "ctypes.string_at(0)", "bytearray(2**31)"])
def test_a_model_that_ends_while_it_is_opened_is_an_error_that_says_how(code):
    with pytest.raises(
        UserError, match=rf"^model\.onnx {ENDS.get(code, 'wanted more than 1 GiB')}"
    ):
        opened(code)


def test_a_model_that_takes_too_long_to_open_is_ended(tmp_path):
    path = tmp_path / "pid"
    with pytest.raises(UserError, match=r"onnx took longer than 3 s to open: raise --timeout$"):
        opened(f"{writes_pid(path)}\n{FOREVER}", Limits(3.0))
    assert is_gone(written_pid(path))


def test_a_model_that_takes_too_long_is_ended_whatever_it_catches(tmp_path):
    path = tmp_path / "pid"
    setup = f"{writes_pid(path)}\nfor s in (1, 2, 14, 15): signal.signal(s, signal.SIG_IGN)"
    model = running(FOREVER, Limits(3.0), setup)
    started = time.monotonic()
    words = r"^model\.onnx took longer than 3 s for 1 question: raise --timeout$"
    with pytest.raises(UserError, match=words):
        model.run([X[:1]])
    assert time.monotonic() - started < 6
    assert is_gone(written_pid(path))
    with pytest.raises(UserError, match="has been ended"):
        model.run([X])


def test_a_model_for_a_fixed_number_of_questions_is_not_helped_by_smaller_batches():
    model = running(FOREVER, Limits(3.0), setup="inputs = [End('x')]\ninputs[0].shape = [4, 2]")
    with pytest.raises(UserError, match=r"for 4 questions: raise --timeout$"):
        model.run([X])


def test_what_a_model_starts_ends_with_it(tmp_path):
    path = tmp_path / "pid"
    setup = f"p = subprocess.Popen(['sleep', '100'])\n{writes_pid(path, 'p.pid')}"
    for ends in ("return [x]", "os._exit(0)"):
        model = running(ends, setup=setup)
        pid = written_pid(path)
        if "exit" in ends:
            with pytest.raises(UserError):
                model.run([X])
        del model
        gc.collect()
        assert is_gone(pid)
        path.unlink()


def test_errors_of_a_model_leave_it_open_and_no_sign_in_them_moves_the_cursor():
    model = running("""
    if x[0, 0]:
        raise ValueError('bad\\x1b[2J' + 'x' * 9999)
    return [x]""")
    with pytest.raises(
        UserError, match=r"^model\.onnx failed at a question \(bad\\x1b\[2Jx"
    ) as error:
        model.run([X + 1])
    assert len(str(error.value)) < 400
    np.testing.assert_array_equal(model.run([X])["y"], X)
    with pytest.raises(DataError, match=r"^model\.onnx cannot be opened as an ONNX file \(oh\)$"):
        opened("raise ValueError('oh')")


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\n" * 999, "".join(map(chr, range(160)))])
def test_names_are_any_and_an_error_shows_them_without_harm(name):
    model = running("return [x]", setup=f"names = [{name!r}]\ninputs = [End({name!r})]")
    assert [each.name for each in model.inputs] == [name]
    assert list(model.run([X])) == [name]
    for columns, words in (({"x": [1, 2], "y": [3, 4]}, "neither"), ({"text": ["a"]}, "are texts")):
        with pytest.raises(UserError, match=words) as error:
            ask(model, columns, Classes(("a", "b", "c")), Pixels())
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 600


def test_what_a_model_prints_goes_nowhere_and_what_is_typed_is_not_read(capfd):
    model = running("""
    print("out"); print("err", file=sys.stderr); os.write(1, b"out"); os.write(2, b"err")
    try:
        open("/dev/tty")
    except OSError:
        return [np.array([sys.stdin.read()] * 4, object)]
""")
    assert model.run([X])["y"].tolist() == [""] * 4
    assert capfd.readouterr() == ("", "")


def test_a_model_sees_no_secret_of_the_environment_and_no_open_file(tmp_path, monkeypatch):
    for name in ("TOKEN", "AWS_SECRET_ACCESS_KEY", "JAXVERIFY", "PYTHONSTARTUP", "lc_x"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_TIME", "C")
    model = running("return [np.array(sorted(os.environ), object)]")
    names = set(model.run([X])["y"].tolist())
    assert {"LC_TIME", "PYTHONPATH", "PATH"} <= names
    assert not names & {"TOKEN", "AWS_SECRET_ACCESS_KEY", "JAXVERIFY", "PYTHONSTARTUP", "lc_x"}
    assert "secret" not in {os.environ[name] for name in names & set(os.environ)}
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        links = "sorted(os.path.realpath(f'/dev/fd/{fd}') for fd in range(64))"
        found = running(f"return [np.array({links}, object)]").run([X])["y"].tolist()
    assert str(tmp_path / "open") not in found
    assert "/dev/null" in found  # as it would be


def test_a_file_in_the_working_directory_is_no_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("numpy", "json", "jaxverify", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit")
    np.testing.assert_array_equal(running("return [x]").run([X])["y"], X)


def test_the_limits_are_the_kernels():
    kinds = "(resource.RLIMIT_DATA, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE)"
    body = f"return [np.array([resource.getrlimit(kind) for kind in {kinds}])]"
    found = running(body).run([X])["y"]
    assert found[0].tolist() == [2**30] * 2
    assert found[1].tolist() == [0, 0]
    assert 0 < found[2, 1] <= 2**26


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seconds": 0.0}, "timeout is 0.0"),
        ({"seconds": float("nan")}, "timeout is nan"),
        ({"seconds": float("inf")}, "timeout is inf"),
        ({"memory": 0.0}, "memory is 0.0 GiB"),
        ({"memory": float("nan")}, "memory is nan GiB"),
        ({"memory": float("inf")}, "memory is inf GiB"),
    ],
)
def test_limits_are_numbers_above_0(values, words):
    with pytest.raises(UserError, match=words):
        Limits(**values)


def test_by_default_a_model_may_take_8_gib_or_half_of_the_machine(monkeypatch):
    pages = {"SC_PHYS_PAGES": 2**20, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.get)
    assert Limits().num_bytes == 2 * 2**30
    pages["SC_PHYS_PAGES"] *= 16
    assert Limits().num_bytes == 8 * 2**30
    assert Limits(memory=0.5).num_bytes == 2**29
    assert Limits(memory=100.0).num_bytes == 100 * 2**30


def test_long_times_are_no_error():
    np.testing.assert_array_equal(running("return [x]", Limits(1e300)).run([X])["y"], X)


def test_the_process_is_light():
    code = "import sys, jaxverify.predictors.worker; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"jax", "scipy", "PIL", "pyarrow", "rich", "requests", "jaxtyping", "sklearn"}
    assert not heavy & set(loaded)


def test_it_ends_with_the_last_reference(tmp_path):
    path = tmp_path / "pid"
    model = opened(writes_pid(path))
    pid = written_pid(path)
    os.kill(pid, 0)
    del model
    gc.collect()
    assert is_gone(pid, within=0.5)


def test_ctrl_c_ends_it(tmp_path):
    path = tmp_path / "pid"
    model = running(FOREVER, setup=writes_pid(path))
    timer = threading.Timer(0.3, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.run([X])
    assert is_gone(written_pid(path), within=0.5)
    timer.join()


@pytest.mark.parametrize("model", [FOREVER, "return [x]"])
def test_it_ends_with_the_process_that_asks_however_that_ends(model, tmp_path):
    path = tmp_path / "pid"
    script = f"""
import numpy as np
from pathlib import Path
from jaxverify.predictors.isolated import open_isolated
from jaxverify.predictors.process import Limits
code = {f"{writes_pid(path)}{chr(10)}def run(x):{chr(10)}    {model}"!r}
model = open_isolated("onnx", Path("m"), code.encode(), Limits())
while True:
    model.run([np.zeros((1, 2), np.float32)])
"""
    parent = subprocess.Popen([sys.executable, "-c", script])
    pid = written_pid(path)
    time.sleep(0.3)
    assert not is_gone(pid, within=0.1)
    parent.kill()
    parent.wait()
    assert is_gone(pid)


WIDE = "inputs = [End('x')]\ninputs[0].shape = [None, 4]\n"


def record_of_numbers(tmp_path):
    rendering = VectorRendering(tuple(Column(name, "float64", 0.0, 9.0) for name in "abcd"))
    record = new_record(
        ExtraTask("vector", (4,), 3, 30, fixed_ratio=0.5), rendering, tuple("abcd"), ("n", "o", "p")
    )
    save(record, tmp_path / "record.json")
    return str(tmp_path / "record.json")


def test_the_digest_is_of_the_bytes_that_run(tmp_path):
    """They come through a pipe, which can be read once."""
    content = f"{WIDE}def run(x):\n    return [np.zeros(len(x), int)]".encode()
    pipe, statement = tmp_path / "model.onnx", tmp_path / "statement.json"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[content], daemon=True)
    writer.start()
    command = ["verify", record_of_numbers(tmp_path), "--onnx", str(pipe)]
    assert main([*command, "--answers", "indices", "--in-toto", str(statement)]) == 1
    assert hashlib.sha256(content).hexdigest() in statement.read_text()


def test_a_command_ends_with_an_error_of_one_line(tmp_path, capfd):
    path = tmp_path / "model.onnx"
    command = ["verify", record_of_numbers(tmp_path), "--onnx", str(path), "--json"]
    for body, options, words in (
        (
            FOREVER,
            ["--timeout", "3"],
            "3 s for 30 questions: raise --timeout or lower --batch-size",
        ),
        ("return [bytearray(2**30)]", ["--memory", "0.5"], "wanted more than 0.5 GiB"),
        ("print('{}'); sys.stdout.flush(); os._exit(0)", [], "ended before it answered"),
        ("return [np.zeros(3, int)]", [], "the model gave 3 answers for 30 questions"),
    ):
        path.write_text(f"{WIDE}def run(x):\n    {body}")
        assert main([*command, *options]) == 2
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert words in err


def test_what_answers_in_the_end_is_judged(tmp_path, capfd):
    path = tmp_path / "model.onnx"
    path.write_text(f"{WIDE}print('noise')\ndef run(x):\n    return [np.zeros((len(x), 3))]")
    assert main(["verify", record_of_numbers(tmp_path), "--onnx", str(path), "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["num_samples"] == 30


def test_what_is_not_installed_is_known_before_it_is_loaded(monkeypatch):
    check_installed("onnx")
    assert "onnxruntime" not in sys.modules
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'jaxverify\[onnx\]'"):
        check_installed("onnx")
