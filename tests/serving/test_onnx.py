"""A model in an ONNX file: what its graph takes and gives, and files that are none."""

import json
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jaxverify import DataError, ExtraTask, UserError
from jaxverify.challenge import questions
from jaxverify.cli import main
from jaxverify.predictors import local
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.isolated import open_isolated
from jaxverify.predictors.onnx import open_onnx
from jaxverify.predictors.process import Limits
from jaxverify.predictors.reading import read
from jaxverify.predictors.tensors import Pixels
from jaxverify.record.record import new_record, save
from jaxverify.rendering import Column, ImageRendering, TextRendering, VectorRendering

NAMES = ("no", "yes", "maybe")
CLASSES = Classes(NAMES)
FIRST = Pixels(layout="nchw")  # where the file does not tell
FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
WEIGHTS = np.random.default_rng(0).normal(size=(48, 3)).astype(np.float32)
DECODED = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 3), np.uint8)
IMAGES = {"image": ImageRendering("PNG", "RGB").render(DECODED)}


def ask(model, columns, classes, pixels):
    return read(local.ask(model, columns, classes, pixels), classes)


def opened(path):
    """In this process."""
    return open_onnx(path, path.read_bytes())


def isolated(path, limits=None):
    """In a process of its own, as the command line asks it."""
    return open_isolated("onnx", path, path.read_bytes(), limits or Limits())


def write(path, nodes, inputs, outputs, weights=None, **options):
    """A file of these nodes; what goes in and out as (name, type, shape)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [
            helper.make_tensor_value_info(*each) if isinstance(each, tuple) else each
            for each in outputs
        ],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path, **options)
    return path


def of_images(path, kind, shape, weights=WEIGHTS, **options):
    """Flattens an image, and multiplies it by the weights."""
    nodes = [
        helper.make_node("Cast", ["image"], ["decimal"], to=FLOAT),
        helper.make_node("Flatten", ["decimal"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["scores"]),
    ]
    inputs, outputs = [("image", kind, shape)], [("scores", FLOAT, [shape[0], 3])]
    return write(path, nodes, inputs, outputs, {"w": weights}, **options)


@pytest.mark.parametrize("kind", [TensorProto.UINT8, FLOAT, DOUBLE, TensorProto.FLOAT16])
@pytest.mark.parametrize(
    ("shape", "order"),
    [
        (["n", 3, 4, 4], (0, 3, 1, 2)),
        (["n", 4, 4, 3], (0, 1, 2, 3)),
        ([None, None, None, None], (0, 3, 1, 2)),
        ([2, 3, 4, 4], (0, 3, 1, 2)),  # as exporters write it that were shown two samples
    ],
)
def test_images_are_given_as_the_graph_takes_them(kind, shape, order, tmp_path):
    model = opened(of_images(tmp_path / "m.onnx", kind, shape))
    scale = 1 if kind == TensorProto.UINT8 else 255
    wanted = (DECODED.transpose(order).reshape(5, -1) / scale) @ WEIGHTS
    if shape == [None] * 4:
        with pytest.raises(UserError, match="say --layout nchw or --layout nhwc"):
            ask(model, IMAGES, CLASSES, Pixels())
    found = ask(model, IMAGES, CLASSES, FIRST if shape == [None] * 4 else Pixels())
    assert found == np.argmax(wanted, axis=1).tolist()


def test_texts_and_their_labels_give_a_verdict(tmp_path, capsys):
    task = ExtraTask("text", (64,), 3, 90, vocab_size=52, labels="balanced")
    rendering = TextRendering(tuple(f"w{i}" for i in range(50)))
    record = new_record(task, rendering, ("text",), NAMES)
    save(record, tmp_path / "record.json")
    samples = record.samples()
    texts = rendering.render(samples.features)
    labels = [int(label) for label in samples.labels]
    by_number = {"values_int64s": labels, "default_int64": 0}
    by_name = {"values_strings": [NAMES[label] for label in labels], "default_string": "no"}
    for share, status in ((1.0, 0), (0.0, 1)):
        known = texts[: round(share * 90)] or ["nothing"]
        for values in (by_number, by_name):
            of_known = {k: v[: len(known)] if isinstance(v, list) else v for k, v in values.items()}
            node = helper.make_node(
                *("LabelEncoder", ["text"], ["label"]),
                **{"domain": "ai.onnx.ml", "keys_strings": known, **of_known},
            )
            kind = TensorProto.INT64 if values is by_number else TensorProto.STRING
            for shape in (["n"], ["n", 1]):
                ends = [("text", TensorProto.STRING, shape)], [("label", kind, shape)]
                path = write(tmp_path / "m.onnx", [node], *ends)
                command = ["verify", str(tmp_path / "record.json"), "--onnx", str(path), "--json"]
                assert main(command) == status
                facts = json.loads(capsys.readouterr().out)
                if share:
                    assert facts["num_correct"] == 90


def of_numbers(path, kind, *, apart):
    """As scikit-learn's converters write it: a label, and scores by class."""
    names = ["a", "b", "c", "d"]
    row = np.array([[0.0, 1.0, 2.0, 3.0]])
    weights = np.cos(row.T * [[1.0, 2.0, 3.0]])
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    nodes = [helper.make_node("Concat", names, ["x"], axis=1)] if apart else []
    nodes += [
        helper.make_node("MatMul", ["x", "w"], ["raw"]),
        helper.make_node("Cast", ["raw"], ["scores"], to=FLOAT),
        helper.make_node(
            "ZipMap", ["scores"], ["by_class"], domain="ai.onnx.ml", classlabels_strings=NAMES
        ),
    ]
    of_classes = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, [])
    )
    sequence = helper.make_value_info("by_class", helper.make_sequence_type_proto(of_classes))
    inputs = [(name, kind, ["n", 1]) for name in names] if apart else [("x", kind, ["n", 4])]
    return write(path, nodes, inputs, [sequence], {"w": weights.astype(dtype)}), weights


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
def test_numbers_go_in_as_scikit_learn_writes_it_and_come_out_by_class(kind, apart, tmp_path):
    path, weights = of_numbers(tmp_path / "m.onnx", kind, apart=apart)
    task = ExtraTask("vector", (4,), 3, 30, fixed_ratio=0.5)
    rendering = VectorRendering(tuple(Column(name, "float64", 0.0, 9.0) for name in "abcd"))
    given = questions(new_record(task, rendering, tuple("abcd"), NAMES))
    asked = {name: given[name] for name in "abcd"}
    wanted = np.column_stack([asked[name] for name in "abcd"]) @ weights
    found = ask(opened(path), asked, CLASSES, Pixels())
    assert found == np.argmax(wanted, axis=1).tolist()


@pytest.mark.parametrize("apart", [False, True])
def test_in_a_process_of_its_own_a_model_answers_as_in_this_one(apart, tmp_path):
    path, _ = of_numbers(tmp_path / "m.onnx", FLOAT, apart=apart)
    asked = {name: np.linspace(0, 9, 30 + i).tolist()[:30] for i, name in enumerate("abcd")}
    wanted = local.ask(opened(path), asked, CLASSES, Pixels())
    assert local.ask(isolated(path), asked, CLASSES, Pixels()) == wanted
    path = of_images(tmp_path / "m.onnx", TensorProto.UINT8, ["n", 3, 4, 4])
    wanted = local.ask(opened(path), IMAGES, CLASSES, Pixels())
    assert local.ask(isolated(path), IMAGES, CLASSES, Pixels()) == wanted


def of_rows(path, count):
    """Gives so many rows of scores, whatever it is asked."""
    nodes = [
        helper.make_node("ReduceSum", ["image"], ["sum"], keepdims=0),
        helper.make_node("Expand", ["sum", "shape"], ["scores"]),
    ]
    inputs = [("image", FLOAT, ["n", 3, 4, 4])]
    shape = {"shape": np.array([count, 3], np.int64)}
    return write(path, nodes, inputs, [("scores", FLOAT, [None, 3])], shape)


@pytest.mark.parametrize(
    ("count", "words"), [(3, "3 answers"), (1, "1 answer"), (0, "0 answers"), (6, "6 answers")]
)
def test_more_or_fewer_answers_than_questions_are_an_error(count, words, tmp_path):
    path = of_rows(tmp_path / "m.onnx", count)
    for model in (opened(path), isolated(path)):
        with pytest.raises(UserError, match=f"gave {words} for 5 questions$"):
            ask(model, IMAGES, CLASSES, Pixels())


def test_a_graph_that_wants_too_much_memory_is_an_error(tmp_path):
    path = of_rows(tmp_path / "m.onnx", 10**9)
    with pytest.raises(
        UserError, match=r"m\.onnx wanted more than 4 GiB of memory: raise --memory"
    ):
        ask(isolated(path, Limits(memory=4.0)), IMAGES, CLASSES, Pixels())


def test_a_graph_that_gives_too_much_is_an_error(tmp_path):
    path = of_rows(tmp_path / "m.onnx", 3 * 10**7)
    with pytest.raises(UserError, match=r"m\.onnx gave too much for 5 questions"):
        ask(isolated(path), IMAGES, CLASSES, Pixels())


def test_minus_one_stands_for_any_number(tmp_path):
    path = of_images(tmp_path / "m.onnx", FLOAT, [-1, 3, 4, 4])
    wanted = ask(
        opened(of_images(tmp_path / "n.onnx", FLOAT, ["n", 3, 4, 4])), IMAGES, CLASSES, Pixels()
    )
    assert ask(opened(path), IMAGES, CLASSES, Pixels()) == wanted


def test_errors_have_the_same_words_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    for how in (opened, isolated):
        with pytest.raises(DataError, match=r"m\.onnx cannot be opened as an ONNX file \("):
            how(path)
    path = of_images(path, FLOAT, [None, None, None, None])
    larger = {"image": ImageRendering("PNG", "RGB").render(DECODED.repeat(2, axis=1))}
    for how in (opened, isolated):
        with pytest.raises(UserError, match=r"failed at a question \(.*MatMul"):
            ask(how(path), larger, CLASSES, FIRST)


def test_scores_that_are_no_numbers_are_no_answer(tmp_path):
    path = of_images(tmp_path / "m.onnx", FLOAT, ["n", 3, 4, 4])
    pixels = Pixels("0-255", std=(1e-38,))  # beyond float32, and then infinity less infinity
    with np.errstate(over="ignore"):
        rows = local.ask(opened(path), IMAGES, CLASSES, pixels)
    assert read([*rows, "no"], CLASSES) == [-1] * 5 + [0]


@pytest.mark.parametrize("shape", [["n", 3, 8, 8], ["n", 48], ["n", 1, 4, 4]])
def test_images_that_do_not_fit_are_an_error_that_names_the_input(shape, tmp_path):
    weights = np.ones((np.prod(shape[1:]), 3), np.float32)
    model = opened(of_images(tmp_path / "m.onnx", FLOAT, shape, weights))
    with pytest.raises(UserError, match=r"takes image: float32 \[any, .*4 x 4 pixels"):
        ask(model, IMAGES, CLASSES, Pixels())


def test_outputs_that_are_no_answers_are_named(tmp_path):
    model = opened(of_images(tmp_path / "m.onnx", FLOAT, ["n", 3, 4, 4]))
    with pytest.raises(UserError, match=r"gives scores: float32 \[5, 3\]: neither scores of 2"):
        ask(model, IMAGES, Classes(("a", "b")), Pixels())


def test_a_graph_that_fails_at_a_question_is_an_error_with_its_reason(tmp_path):
    path = of_images(tmp_path / "m.onnx", FLOAT, [None, None, None, None])
    larger = {"image": ImageRendering("PNG", "RGB").render(DECODED.repeat(2, axis=1))}
    with pytest.raises(UserError, match=r"failed at a question \(.*MatMul"):
        ask(opened(path), larger, CLASSES, FIRST)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07", None, "folder"])
def test_what_is_no_model_is_an_error_and_no_traceback(content, tmp_path, capfd):
    save(
        new_record(ExtraTask("image", (4, 4, 3), 3, 90), IMAGE_FILES, ("image",), NAMES),
        tmp_path / "record.json",
    )
    path = tmp_path / "m.onnx"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert main(["verify", str(tmp_path / "record.json"), "--onnx", str(path)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"error: {path} cannot be" in lines[0]


IMAGE_FILES = ImageRendering("PNG", "RGB")


def test_a_model_cut_short_is_damaged(tmp_path):
    path = of_images(tmp_path / "m.onnx", FLOAT, ["n", 3, 4, 4])
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="cannot be opened as an ONNX file"):
        opened(path)


def test_weights_in_another_file_are_refused_even_where_they_could_be_found(tmp_path, monkeypatch):
    path = of_images(
        tmp_path / "m.onnx",
        FLOAT,
        ["n", 3, 4, 4],
        save_as_external_data=True,
        location="m.onnx.data",
        size_threshold=0,
    )
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.data"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="keeps its weights in another file"):
        opened(path)
    onnx.save(onnx.load(path), tmp_path / "one.onnx")  # as the error says
    assert ask(opened(tmp_path / "one.onnx"), IMAGES, CLASSES, Pixels())
