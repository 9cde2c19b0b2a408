"""Extra samples made of the customer's own images and texts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_extra_task import digest

from jaxverify import ExtraTask, UserError, generate
from jaxverify.task.generation import region_slices
from jaxverify.task.natural import generate_from
from jaxverify.verification.by_answers import verify_answers

IMAGE = ExtraTask("image", (16, 18, 3), 3, 60, labels="balanced")
TEXT = ExtraTask("text", (48,), 3, 60, labels="balanced", vocab_size=400)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (150, 16, 18, 3), np.uint8)
TEXTS = RNG.integers(2, 400, (40, 30)).astype(np.int32)
TEXTS[np.arange(30) >= RNG.integers(10, 31, 40)[:, None]] = 0  # texts of 10 to 30 words, padded
VECTOR = ExtraTask("vector", (40,), 3, 60, labels="balanced")
VECTORS = RNG.random((150, 40), np.float32)
CASES = {
    "patches": (IMAGE, IMAGES),
    "phrases": (TEXT, TEXTS),
    "blended": (IMAGE, IMAGES),
    "own": (IMAGE, IMAGES),
    "cells": (VECTOR, VECTORS),
}
SWITCHES = {"placement": "secret", "num_fixed": 3}
KEY = jax.random.key(8)


def regions(task, key, features):
    """The random regions, and what surrounds them as rows."""
    inside = np.zeros(task.shape, bool)
    place = region_slices(key, task)
    inside[place] = True
    features = np.asarray(features)
    return features[(slice(None), *place)], features[:, ~inside], inside


@pytest.mark.parametrize("style", CASES)
@pytest.mark.optimized
def test_samples_are_of_the_pools_type_and_of_the_tasks_labels(style):
    task, pool = CASES[style]
    task = dataclasses.replace(task, **SWITCHES)
    whole = generate_from(pool, key=KEY, task=task, style=style)
    assert whole.features.shape == (task.num_samples, *task.shape)
    assert whole.features.dtype == pool.dtype
    np.testing.assert_array_equal(whole.labels, generate(KEY, task).labels)
    indices = jnp.array([5, 59, 65])
    part = generate_from(pool, key=KEY, task=task, style=style, indices=indices)
    np.testing.assert_array_equal(part.features[:2], whole.features[indices[:2]])
    assert part.labels.tolist() == [whole.labels[5], whole.labels[59], whole.labels[5]]
    jitted = jax.jit(lambda pool, key: generate_from(pool, key=key, task=task, style=style))
    assert digest(jitted(pool, KEY)) == digest(whole)
    other = generate_from(pool, key=jax.random.key(9), task=task, style=style)
    assert (np.asarray(other.features) == np.asarray(whole.features)).mean() < 0.1


def test_answers_are_judged_like_those_to_other_extra_samples():
    labels = generate_from(TEXTS, key=KEY, task=TEXT, style="phrases").labels
    assert verify_answers(np.asarray(labels), KEY, TEXT).outcome == "PASS"
    assert verify_answers((np.asarray(labels) + 1) % 3, KEY, TEXT).outcome == "FAIL"


@pytest.mark.parametrize("switches", [{}, SWITCHES], ids=["plain", "switches"])
@pytest.mark.parametrize("style", ["patches", "phrases"])
def test_twins_share_fixed_regions_and_no_random_one(style, switches):
    task, pool = CASES[style]
    task = dataclasses.replace(task, **switches)
    indices = jnp.arange(2 * task.num_samples)
    both = generate_from(pool, key=KEY, task=task, style=style, indices=indices)
    random, fixed, _ = regions(task, KEY, both.features)
    np.testing.assert_array_equal(*np.split(fixed, 2))
    assert len(np.unique(fixed, axis=0)) == task.num_fixed
    assert len(np.unique(random, axis=0)) == 2 * task.num_samples


@pytest.mark.parametrize("switches", [{}, SWITCHES], ids=["plain", "switches"])
def test_patches_are_cut_out_of_the_images_and_the_fixed_region_is_that_of_one(switches):
    task = dataclasses.replace(IMAGE, **switches)
    features = generate_from(IMAGES, key=KEY, task=task, style="patches").features
    random, fixed, inside = regions(task, KEY, features)
    assert random.shape[1:] == (8, 9, 3)
    of_images = {image[~inside].tobytes() for image in IMAGES}
    assert {row.tobytes() for row in fixed} <= of_images
    view = np.lib.stride_tricks.sliding_window_view(IMAGES, (2, 2), axis=(1, 2))
    every = np.moveaxis(view, 3, 5)  # image, place, patch
    known = {
        patch.tobytes(): i for i, image in enumerate(every) for patch in image.reshape(-1, 2, 2, 3)
    }
    patches = [
        region[y : y + 2, x : x + 2] for region in random for y in (0, 2, 4, 6) for x in (0, 2, 4)
    ]
    assert all(patch.tobytes() in known for patch in patches)
    # They are of many images, and what lies across the edge of two stands in none.
    assert len({known[patch.tobytes()] for patch in patches}) > 140
    torn = [region[1:3, x : x + 2] for region in random for x in (0, 2, 4)]
    assert sum(patch.tobytes() in known for patch in torn) < 0.1 * len(torn)


@pytest.mark.parametrize("switches", [{}, SWITCHES], ids=["plain", "switches"])
def test_phrases_are_successive_words_of_the_texts_without_padding(switches):
    task = dataclasses.replace(TEXT, **switches)
    features = generate_from(TEXTS, key=KEY, task=task, style="phrases").features
    random, fixed, inside = regions(task, KEY, features)
    stream = TEXTS[TEXTS != 0]
    lines = np.lib.stride_tricks.sliding_window_view(stream, 48)[:, ~inside]
    assert {row.tobytes() for row in fixed} <= {row.tobytes() for row in lines}
    known = set(map(tuple, np.lib.stride_tricks.sliding_window_view(stream, 4)))
    phrases = set(map(tuple, random.reshape(-1, 4)))
    assert phrases <= known
    assert len(phrases) > 100
    torn = random[:, 2:-2].reshape(-1, 4)
    assert sum(tuple(row) in known for row in torn) < 0.1 * len(torn)


@pytest.mark.parametrize(
    ("task", "pool"), [(IMAGE, IMAGES), (TEXT, RNG.permuted(TEXTS.repeat(4, 0), axis=1))]
)
def test_own_samples_are_those_of_the_pool_each_once_and_their_twins_others(task, pool):
    indices = jnp.arange(2 * task.num_samples)
    features = np.asarray(
        generate_from(pool, key=KEY, task=task, style="own", indices=indices).features
    )
    if task.kind == "text":  # padded to the length of a sample
        assert not features[:, pool.shape[1] :].any()
        features = features[:, : pool.shape[1]]
    codes = [sample.tobytes() for sample in features]
    of_pool = [sample.tobytes() for sample in pool]
    assert set(codes) <= set(of_pool)
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("switches", [{}, SWITCHES], ids=["plain", "switches"])
def test_cells_are_values_of_their_own_column(switches):
    task = dataclasses.replace(VECTOR, **switches)
    features = np.asarray(generate_from(VECTORS, key=KEY, task=task, style="cells").features)
    for column in range(40):
        assert set(features[:, column]) <= set(VECTORS[:, column])
    random, fixed, _ = regions(task, KEY, features)
    assert len({row.tobytes() for row in fixed}) == task.num_fixed
    assert len({row.tobytes() for row in random}) == task.num_samples


@pytest.mark.parametrize("generator", ["uniform", "pink"])
def test_blended_samples_are_the_mean_of_an_image_of_their_own_and_a_pattern(generator):
    task = dataclasses.replace(IMAGE, num_fixed=2, generator=generator)
    indices = jnp.arange(2 * task.num_samples)
    both = generate_from(IMAGES, key=KEY, task=task, style="blended", indices=indices)
    features = np.asarray(both.features).reshape(120, -1).astype(int)
    # What a sample is besides an image, if that be a pattern: to within the half that is cut off.
    besides = 2 * features[:, None] - IMAGES.reshape(150, -1)[None].astype(int)
    fits = ((besides >= -1) & (besides <= 255)).all(axis=2)
    assert (fits.sum(axis=1) == 1).all()
    assert len(set(fits.argmax(axis=1))) == 120
    patterns = besides[fits]
    like_the_first = np.abs(patterns - patterns[0]).max(axis=1) <= 1
    np.testing.assert_array_equal(*np.split(like_the_first, 2))  # twins have the same
    assert like_the_first.sum() == 60
    others = patterns[~like_the_first]
    assert np.abs(others - others[0]).max() <= 1


@pytest.mark.parametrize(
    ("pool", "style", "message"),
    [
        (IMAGES, "quilts", "style is 'quilts'; known are patches, phrases, blended"),
        (IMAGES, "phrases", "it is for a task of kind 'text', not 'image'"),
        (IMAGES[:, :8], "patches", r"uint8 images of shape \(16, 18, 3\) are wanted"),
        (IMAGES.astype(np.int32), "blended", "the pool is int32"),
        (IMAGES[:119], "own", "the pool has 119 samples; 60 .* need 120"),
        (IMAGES, "cells", "it is for a task of kind 'vector', not 'image'"),
        (IMAGES[:119], "blended", "the pool has 119 samples; 60 .* need 120"),
    ],
)
def test_a_pool_that_does_not_fit_is_refused_naming_the_value(pool, style, message):
    with pytest.raises(UserError, match=message):
        generate_from(pool, key=KEY, task=IMAGE, style=style)


def test_a_pool_of_too_few_words_is_refused():
    with pytest.raises(UserError, match="the pool has 30 words; a sample has 48"):
        generate_from(TEXTS[:1], key=KEY, task=TEXT, style="phrases")
    with pytest.raises(UserError, match="token ids of texts are wanted"):
        generate_from(TEXTS.astype(float), key=KEY, task=TEXT, style="phrases")
    with pytest.raises(UserError, match="float32 vectors of 40 numbers are wanted"):
        generate_from(VECTORS[:, :8], key=KEY, task=VECTOR, style="cells")
