"""A model in a file, whatever runs it: what it is given, and what its answers mean."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxverify import ExtraTask, UserError
from jaxverify.cli import main
from jaxverify.cli.options.lists import numbers
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.local import ask
from jaxverify.predictors.model import Input, Model
from jaxverify.predictors.outputs import rows_of
from jaxverify.predictors.reading import read
from jaxverify.predictors.tensors import Pixels, arrays
from jaxverify.record.record import new_record, save
from jaxverify.rendering import ImageRendering

NAMES = ("no", "yes", "maybe")
CLASSES = Classes(NAMES)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 5, 7, 3), np.uint8)
GREY = IMAGES[..., :1]


def indices(outputs, classes):
    return read(rows_of(outputs, classes), classes)


def encoded(images):
    mode = "RGB" if images.shape[-1] == 3 else "L"
    return {"image": ImageRendering("PNG", mode).render(images)}


def one(columns, *shape, dtype="float32", pixels=None):
    (found,) = arrays(columns, [Input("x", shape, dtype)], pixels or Pixels())
    return found


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
@pytest.mark.parametrize("shape", [(None, 3, 5, 7), (4, 3, None, None)])
def test_channels_come_first_where_the_shape_says_so(shape, dtype):
    found = one(encoded(IMAGES), *shape, dtype=dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, IMAGES.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(None, 5, 7, 3), (None, None, None, 3)])
def test_channels_come_last_where_the_shape_says_so(shape):
    np.testing.assert_array_equal(one(encoded(IMAGES), *shape, dtype="uint8"), IMAGES)


@pytest.mark.parametrize("shape", [(None,) * 4, None])
def test_where_the_channels_are_is_asked_for_where_the_shape_does_not_tell(shape):
    given = [Input("x", shape, "uint8")]
    with pytest.raises(UserError, match="say --layout nchw or --layout nhwc"):
        arrays(encoded(IMAGES), given, Pixels())
    (first,) = arrays(encoded(IMAGES), given, Pixels(layout="nchw"))
    np.testing.assert_array_equal(first, IMAGES.transpose(0, 3, 1, 2))
    (last,) = arrays(encoded(IMAGES), given, Pixels(layout="nhwc"))
    np.testing.assert_array_equal(last, IMAGES)


def test_grey_becomes_rgb_where_three_channels_are_wanted_as_pillow_does_it():
    as_rgb = [
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        for content in encoded(GREY)["image"]
    ]
    found = one(encoded(GREY), None, None, None, 3, dtype="uint8")
    np.testing.assert_array_equal(found, as_rgb)
    assert one(encoded(GREY), None, 3, 5, 7).shape == (4, 3, 5, 7)
    assert one(encoded(GREY), None, 1, 5, 7).shape == (4, 1, 5, 7)
    layout = Pixels(layout="nchw")
    assert one(encoded(GREY), None, None, None, None, pixels=layout).shape == (4, 1, 5, 7)


def test_decimals_are_pixels_by_255_then_less_the_mean_by_the_std():
    found = one(encoded(IMAGES), None, 5, 7, 3)
    np.testing.assert_allclose(found, IMAGES / 255, rtol=1e-6)
    assert found.dtype == np.float32
    whole = one(encoded(IMAGES), None, 5, 7, 3, pixels=Pixels("0-255"))
    np.testing.assert_array_equal(whole, IMAGES)
    mean, std = (0.49, 0.48, 0.45), (0.2, 0.3, 0.4)
    for layout, shape in (((0, 1, 2, 3), (5, 7, 3)), ((0, 3, 1, 2), (3, 5, 7))):
        found = one(encoded(IMAGES), None, *shape, pixels=Pixels(mean=mean, std=std))
        wanted = ((IMAGES / 255 - mean) / std).transpose(layout)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "dtype", "pixels", "message"),
    [
        ((None, 3, 224, 224), "float32", Pixels(), r"takes x: float32 \[any, 3, 224, 224\]"),
        ((None, 1, 5, 7), "float32", Pixels(), "5 x 7 pixels and 3 channels"),
        ((None, 105), "float32", Pixels(), r"\[any, 105\]"),
        ((None,), "str", Pixels(), r"x: str \[any\]"),
        ((None, 3, 5, 7), "bool", Pixels(), "x: bool"),
        ((None, 3, 5, 7), "bfloat16", Pixels(), "x: bfloat16"),
        ((None, 3, 5, 7), "uint8", Pixels("0-255"), "takes pixels as uint8"),
        ((None, 3, 5, 7), "float32", Pixels(mean=(0.1, 0.2)), "2 numbers, and .* 3 channels"),
    ],
)
def test_images_that_do_not_fit_are_an_error_and_never_resized(shape, dtype, pixels, message):
    with pytest.raises(UserError, match=message):
        one(encoded(IMAGES), *shape, dtype=dtype, pixels=pixels)


@pytest.mark.parametrize("values", [{"std": (0.0,)}, {"std": (-1.0,)}, {"mean": (float("nan"),)}])
def test_pixels_that_would_become_nonsense_are_refused(values):
    with pytest.raises(UserError, match="a std above 0"):
        Pixels(**values)


def test_texts_go_to_an_input_of_strings():
    columns = {"text": ["one", "two"]}
    assert one(columns, None, dtype="str").tolist() == ["one", "two"]
    assert one(columns, 2, 1, dtype="str").tolist() == [["one"], ["two"]]
    for shape, dtype in (((None, 2), "str"), ((None, 64), "int64")):
        with pytest.raises(UserError, match="the questions are texts"):
            one(columns, *shape, dtype=dtype)


NUMBERS = {"age": [31, 45], "dose": [0.5, 2.0]}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_go_to_one_matrix_or_each_column_to_its_input(dtype):
    np.testing.assert_array_equal(
        one(NUMBERS, None, 2, dtype=dtype), np.array([[31, 0.5], [45, 2.0]], dtype)
    )
    by_name = [Input("dose", (None, 1), dtype), Input("age", (None, 1), "int64")]
    dose, age = arrays(NUMBERS, by_name, Pixels())
    np.testing.assert_array_equal(dose, np.array([[0.5], [2.0]], dtype))
    np.testing.assert_array_equal(age, np.array([[31], [45]]))
    assert age.dtype == np.int64
    flat = arrays(NUMBERS, [Input("dose", (None,), dtype), Input("age", (2,), dtype)], Pixels())
    assert [array.shape for array in flat] == [(2,), (2,)]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([Input("x", (None, 3), "float32")], "2 columns age, dose"),
        ([Input("x", (None, 2), "str")], "2 columns age, dose"),
        ([Input("x", (None, 2), "int64")], "a question has 0.5"),
        ([Input("x", (None, 2), "uint8")], "a question has 0.5"),
        ([Input("age", (None, 1), "float32"), Input("height", (None, 1), "float32")], "height"),
        ([Input("age", (None, 2), "float32"), Input("dose", (None, 2), "float32")], "dose"),
    ],
)
def test_numbers_that_do_not_fit_are_an_error_and_never_rounded(inputs, message):
    with pytest.raises(UserError, match=message):
        arrays(NUMBERS, inputs, Pixels())


SCORES = np.array([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0.1, float("nan"), 0.2]], np.float32)


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        ({"scores": SCORES}, [1, 0, -1]),
        ({"features": SCORES[:, :2], "scores": SCORES, "more": -SCORES[:, :, None]}, [1, 0, -1]),
        ({"label": np.array([2, 0, 1])}, [2, 0, 1]),
        ({"label": np.array([[2], [0], [1]], np.int32)}, [2, 0, 1]),
        ({"label": np.array(["maybe", "no", "never"], object)}, [2, 0, -1]),
        ({"label": np.array(["maybe", "no", "no"], object), "scores": SCORES}, [2, 0, 0]),
        ({"label": np.array([2, 0, 2]), "scores": SCORES}, [2, 0, 2]),
        ({"label": np.array([2.0, 0.0, 2.0]), "confidence": np.array([0.9, 0.3, 0.5])}, [2, 0, 2]),
        ({"confidence": np.array([0.9, 0.3]), "names": np.array(["yes", "no"], object)}, [1, 0]),
        ({"z": [{"no": 0.1, "maybe": 0.7, "yes": 0.2}, {"no": 1.0}]}, [2, 0]),
        ({"z": [{0: 0.1, 2: 0.7, 1: 0.2}, {0: float("nan"), 1: 0.5, 2: 0.5}]}, [2, -1]),
    ],
)
def test_outputs_are_labels_or_scores(outputs, wanted):
    assert indices(outputs, CLASSES) == wanted


def test_scores_are_in_the_models_own_order_where_that_is_said():
    assert indices({"y": SCORES}, Classes(NAMES, order=(2, 0, 1))) == [0, 2, -1]


@pytest.mark.parametrize(
    "output",
    [np.zeros((4, 2)), np.ones(4) / 3, np.zeros((4, 3, 1)), np.zeros((4, 3), int), [1], []],
)
def test_outputs_of_another_kind_are_an_error_that_names_them(output):
    with pytest.raises(UserError, match=r"gives logits: .*neither scores of 3 classes"):
        indices({"logits": output}, CLASSES)


@pytest.mark.parametrize(
    "outputs",
    [
        {"features": -SCORES, "logits": SCORES},
        {"one": np.array(["no", "yes"], object), "other": np.array(["yes", "no"], object)},
        {"one": np.array([0, 1]), "other": np.array(["yes", "no"], object)},
    ],
)
def test_two_outputs_that_may_be_the_answer_are_an_error_and_one_can_be_named(outputs):
    first, second = outputs
    with pytest.raises(UserError, match=f"{first} and {second} may each be the answer"):
        indices(outputs, CLASSES)
    wanted = indices({second: outputs[second]}, CLASSES)
    assert indices(outputs, Classes(NAMES, output=second)) == wanted
    with pytest.raises(UserError, match="no output 'third'"):
        indices(outputs, Classes(NAMES, output="third"))


def test_whole_numbers_beside_scores_are_labels_only_if_they_go_with_them():
    scores = np.random.default_rng(0).random((32, 3)).astype(np.float32)
    right = {"label": (scores.argmax(1) + 1) % 3, "scores": scores}  # in another order
    assert indices(right, Classes(NAMES, "indices")) == right["label"].tolist()
    outputs = {"steps": np.arange(32) % 3, "scores": scores}
    with pytest.raises(UserError, match="steps and scores, which differ: name the one"):
        indices(outputs, CLASSES)
    assert indices(outputs, Classes(NAMES, output="scores")) == scores.argmax(1).tolist()


@given(
    number=st.integers(1, 30),
    size=st.none() | st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_fixed_number_of_questions_changes_no_answer(number, size, seed):
    values = np.random.default_rng(seed).integers(0, 3, number)
    shapes = []

    def run(given):
        shapes.append(given[0].shape)
        return {"label": given[0][:, 0].astype(int)}

    model = Model((Input("x", (size, 1), "float32"),), run)
    assert ask(model, {"x": list(values)}, CLASSES, Pixels()) == values.tolist()
    assert set(shapes) == {(size or number, 1)}
    assert len(shapes) == -(-number // (size or number))


def giving(outputs, size=None):
    return Model((Input("x", (size, 1), "float32"),), lambda _: outputs)


@pytest.mark.parametrize("size", [None, 4, 7])
@pytest.mark.parametrize("number", [0, 1, 3, 8])
@pytest.mark.parametrize(
    "row",
    [np.full((1, 3), np.nan), np.zeros(1, int), np.zeros((1, 1)), np.array(["no"], object), "list"],
)
def test_more_or_fewer_answers_than_questions_are_an_error(row, number, size):
    found = [{"no": 1.0}] * number if isinstance(row, str) else row.repeat(number, axis=0)
    words = f"gave {number} answers? for {size or 4} questions" if len(found) else "gave|gives y"
    with pytest.raises(UserError, match=words):
        ask(giving({"y": found}, size), {"x": [1, 2, 3, 4]}, CLASSES, Pixels())


def test_one_answer_is_counted_in_the_singular():
    with pytest.raises(UserError, match=r"gave 2 answers for 1 question$"):
        ask(giving({"y": np.zeros(2, int)}), {"x": [1]}, CLASSES, Pixels())
    with pytest.raises(UserError, match=r"gave 1 answer for 2 questions$"):
        ask(giving({"y": np.zeros((1, 3))}), {"x": [1, 2]}, CLASSES, Pixels())


def test_what_stands_beside_the_answer_is_as_many_or_the_answer_is_named():
    outputs = {"label": np.array([2, 0, 1, 2]), "temperature": np.array([0.5])}
    asked = {"x": [1, 2, 3, 4]}
    with pytest.raises(
        UserError, match=r"gave 1 answer for 4 questions \(temperature\): .*--output"
    ):
        ask(giving(outputs), asked, CLASSES, Pixels())
    with pytest.raises(UserError, match=r"gave 1 answer for 4 questions \(temperature\)"):
        rows_of(outputs, CLASSES)
    named = Classes(NAMES, output="label")
    assert read(ask(giving(outputs), asked, named, Pixels()), named) == [2, 0, 1, 2]
    features = {"label": np.array([2, 0, 1, 2]), "features": np.zeros((2, 5))}
    assert ask(giving(features), asked, CLASSES, Pixels()) == [2, 0, 1, 2]


def test_a_model_for_far_too_many_questions_at_once_is_an_error():
    with pytest.raises(UserError, match=r"takes 1,000,000,000,000 questions at once"):
        ask(giving({}, 10**12), {"x": [1, 2]}, CLASSES, Pixels())


def test_of_many_outputs_an_error_names_some():
    with pytest.raises(UserError, match=r"gives 0: .*; 7: float64 \[4, 2\]; \.\.\.: neither"):
        rows_of({str(i): np.zeros((4, 2)) for i in range(99)}, CLASSES)


@pytest.mark.parametrize("dtype", ["int4", "float8", "uint2", "float128"])
def test_types_that_numpy_lacks_are_no_numbers(dtype):
    with pytest.raises(UserError, match=f"takes x: {dtype}"):
        one(NUMBERS, None, 2, dtype=dtype)


def test_means_on_the_command_line_are_numbers_with_commas():
    parse = numbers(float, "0.49,0.48,0.45")
    assert parse("0.5") == (0.5,)
    with pytest.raises(Exception, match="not numbers with commas"):
        parse("0.5;0.4")


def record_of_images(tmp_path):
    task = ExtraTask("image", (8, 8, 3), 3, 90, labels="balanced")
    path = tmp_path / "record.json"
    save(new_record(task, ImageRendering("PNG", "RGB"), ("image",), NAMES), path)
    return path


@pytest.mark.parametrize(("option", "package"), [("onnx", "onnxruntime"), ("torch", "torch")])
def test_what_is_not_installed_is_named_and_how_to_install_it(
    option, package, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, package, None)
    record = record_of_images(tmp_path)
    assert main(["verify", str(record), f"--{option}", "model"]) == 2
    assert f"pip install 'jaxverify[{option}]'" in capsys.readouterr().err
