"""Renderings: what stands in the customer's files gives the samples back."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from jaxverify import DataError, UserError
from jaxverify.rendering import (
    Column,
    ImageRendering,
    TextRendering,
    VectorRendering,
    rendering_from_json,
)


def encoded(pixels, form, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@given(st.lists(st.lists(st.integers(2, 6), min_size=4, max_size=4), min_size=1, max_size=5))
@settings(max_examples=20)
def test_split_at_blanks_a_text_gives_the_words_of_its_ids_again(ids):
    vocabulary = ("the", "film", "don't", "été", "7")
    texts = TextRendering(vocabulary).render(np.array(ids))
    assert [[vocabulary.index(word) + 2 for word in text.split(" ")] for text in texts] == ids


@pytest.mark.parametrize("word", ["", "two words", "tab\t", "wide\u3000"])
def test_a_vocabulary_holds_single_words_alone(word):
    with pytest.raises(UserError, match="is not one word"):
        TextRendering(("the", word))


def test_a_vocabulary_holds_no_word_twice():
    with pytest.raises(UserError, match="a word twice"):
        TextRendering(("the", "film", "the"))


@pytest.mark.parametrize(
    ("form", "channels"), [("PNG", 1), ("PNG", 3), ("BMP", 1), ("BMP", 3), ("WEBP", 3)]
)
def test_in_a_format_without_loss_decoded_pixels_are_the_features(form, channels):
    pixels = noise(3, 8, 9, channels)
    rendering = ImageRendering(form, "L" if channels == 1 else "RGB")
    for content, image in zip(rendering.render(pixels), pixels, strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(content)))
        np.testing.assert_array_equal(decoded.reshape(image.shape), image)
    assert rendering.fidelity(pixels) == pytest.approx(1)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_goes_out_as_it_came_in(quality, subsampling):
    example = encoded(noise(16, 16, 3), "JPEG", quality=quality, subsampling=subsampling)
    rendering = ImageRendering.like(example, "a.jpg")
    (content,) = rendering.render(noise(1, 16, 16, 3))
    with Image.open(io.BytesIO(content)) as ours, Image.open(io.BytesIO(example)) as theirs:
        assert ours.format == "JPEG"
        assert ours.quantization == theirs.quantization
        assert JpegImagePlugin.get_sampling(ours) == subsampling


def test_fidelity_falls_with_the_quality_of_a_jpeg():
    pixels = noise(4, 32, 32, 3)
    found = [
        ImageRendering.like(encoded(pixels[0], "JPEG", quality=q), "a.jpg").fidelity(pixels)
        for q in (5, 50, 95)
    ]
    assert 0 < found[0] < found[1] < found[2] < 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.png: the image is damaged"),
        (b"\x89PNG", "a.png: the image is damaged"),
        (encoded(noise(4, 4, 4), "PNG"), "a.png: images of mode RGBA cannot be imitated"),
        (encoded(noise(4, 4), "GIF"), "a.png: images of format GIF cannot be written"),
    ],
    ids=["empty", "cut off", "alpha", "GIF"],
)
def test_images_that_cannot_be_imitated_are_refused_by_name(content, message):
    with pytest.raises(DataError, match=message):
        ImageRendering.like(content, "a.png")


@given(
    dtype=st.sampled_from(["int64", "uint8", "int16"]),
    low=st.integers(0, 100),
    span=st.integers(0, 100),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_integers_stay_between_low_and_high_and_reach_both(dtype, low, span, seed):
    column = Column("x", dtype, low, low + span)
    values = column.scale(np.random.default_rng(seed).random(5000))
    assert values.dtype == dtype
    assert values.min() == low
    assert values.max() == low + span
    assert column.num_values == span + 1


@given(
    low=st.floats(-1e6, 1e6),
    span=st.floats(0, 1e6),
    decimals=st.none() | st.integers(0, 6),
    dtype=st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=40)
def test_decimals_and_range_are_kept(low, span, decimals, dtype):
    if decimals is not None:
        low, span = round(low, decimals), round(span, decimals)
    column = Column("x", dtype, low, low + span, decimals)
    values = column.scale(np.linspace(0, 1, 50, endpoint=False))
    assert values.dtype == dtype
    bounds = np.array([low, low + span], dtype)
    assert bounds[0] <= values.min()
    assert values.max() <= bounds[1]
    if decimals is not None and dtype == "float64":
        np.testing.assert_array_equal(values, np.clip(np.round(values, decimals), *bounds))


def test_a_vector_is_a_column_for_each_feature():
    rendering = VectorRendering((Column("a", "int64", 0, 9), Column("b", "float32", -1.0, 1.0)))
    found = rendering.render(np.array([[0.0, 0.5], [0.95, 0.75]], np.float32))
    assert found["a"].tolist() == [0, 9]
    assert found["b"].tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    "rendering",
    [
        TextRendering(("a", "b")),
        ImageRendering.like(encoded(noise(8, 8), "JPEG", quality=80), "a.jpg"),
        VectorRendering((Column("a", "int64", 0, 9), Column("b", "float32", -1.0, 1.0, 2))),
    ],
)
def test_renderings_come_back_from_json(rendering):
    import json

    assert rendering_from_json(json.loads(json.dumps(rendering.to_json()))) == rendering


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "int64", 3, 2), "column x lies between 3 and 2"),
        (("x", "float64", 0.0, float("inf")), "give finite numbers"),
        (("x", "bool", 0, 1), "column x has the type bool"),
    ],
)
def test_columns_that_are_no_numbers_are_refused_by_name(arguments, message):
    with pytest.raises(DataError, match=message):
        Column(*arguments)
