"""Training at home: augmentations, the recipe, the loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxverify import Samples, UserError
from jaxverify.training.augment import AUGMENTATIONS
from jaxverify.training.loop import train_iter
from jaxverify.training.recipe import NETWORKS, Recipe

RNG = np.random.default_rng(0)
BATCHES = {
    "image": jnp.asarray(RNG.integers(0, 256, (64, 16, 16, 3), np.uint8)),
    "text": jnp.asarray(RNG.integers(0, 50, (64, 20), np.int32)),
    "vector": jnp.asarray(RNG.random((64, 30), np.float32)),
}


def clusters(n: int = 600):
    """Two classes that a straight line parts, in 8 dimensions."""
    labels = RNG.integers(0, 2, n, np.int32)
    points = RNG.normal(size=(n, 8)) + 1.5 * (2 * labels[:, None] - 1)
    return Samples(points.astype(np.float32), labels)


def accuracy(predict, samples):
    return (predict(samples.features).argmax(1) == samples.labels).mean()


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, each in AUGMENTATIONS.items() for kind in each.kinds]
)
def test_an_augmentation_changes_what_it_is_for_and_keeps_shape_and_dtype(name, kind):
    batch = BATCHES[kind]
    augment = jax.jit(AUGMENTATIONS[name].apply)
    first, again, other = (augment(jax.random.key(seed), batch) for seed in (0, 0, 1))
    assert (first.shape, first.dtype) == (batch.shape, batch.dtype)
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, batch) == np.array_equal(first, other) == (name == "none")


def test_dropped_words_are_unknown_and_padding_stays():
    tokens = np.asarray(BATCHES["text"])
    dropped = np.asarray(AUGMENTATIONS["drop_words"].apply(jax.random.key(0), BATCHES["text"]))
    assert set(dropped[dropped != tokens]) == {1}
    np.testing.assert_array_equal(dropped[tokens < 2], tokens[tokens < 2])
    assert 0.05 < (dropped != tokens).mean() < 0.15


def test_randaugment_gives_nothing_new_to_a_grey_image_but_other_greys():
    grey = jnp.full((64, 16, 16, 3), 100, jnp.uint8)
    changed = np.asarray(AUGMENTATIONS["randaugment"].apply(jax.random.key(0), grey))
    np.testing.assert_array_equal(changed[..., 0], changed[..., 1])
    assert len({image.tobytes() for image in changed}) > 20


def test_cutout_blackens_a_square_of_half_the_side():
    white = jnp.full((200, 16, 16, 1), 255, jnp.uint8)
    cut = np.asarray(AUGMENTATIONS["cutout"].apply(jax.random.key(0), white))
    # A crop may blacken a border of 4 at two sides, and the square 7 x 7 pixels besides.
    black = (cut == 0).sum(axis=(1, 2, 3))
    assert black.max() <= 16 * 16 - 12 * 12 + 49
    assert (black >= 49).mean() > 0.3


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_network_learns_and_the_same_seed_gives_the_same_answers(optimizer):
    train, test = clusters(), clusters(200)
    recipe = Recipe(network="mlp", epochs=3, batch_size=50, optimizer=optimizer, dropout=0.2)
    module = recipe.module(2, None)
    runs = [list(train_iter(recipe, module, train, 2, jax.random.key(s))) for s in (0, 0, 1)]
    assert [len(run) for run in runs] == [3, 3, 3]
    assert accuracy(runs[0][-1], test) > 0.95
    first, again, other = (run[-1](test.features) for run in runs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    # What was yielded after the first epoch is still that network.
    assert not np.array_equal(runs[0][0](test.features), first)


@pytest.mark.parametrize(
    "changes", [{"mixup": 0.4}, {"label_smoothing": 0.2}, {"weight_decay": 0.3}]
)
def test_each_regulariser_makes_a_network_less_sure(changes):
    train = clusters()
    plain = Recipe(network="mlp", epochs=3, batch_size=50)
    other = Recipe(network="mlp", epochs=3, batch_size=50, **changes)

    def sureness(recipe):
        *_, predict = train_iter(recipe, recipe.module(2, None), train, 2, jax.random.key(0))
        return np.abs(np.diff(predict(train.features))).mean()

    assert sureness(other) < sureness(plain)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": "crop"}, "no augmentation is called 'crop'; did you mean 'crop_flip'"),
        ({"epochs": 0}, "epochs is 0; it must be positive"),
        ({"patience": 0}, "patience is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"mixup": -1.0}, "mixup is -1"),
        ({"dropout": 1.0}, "dropout is 1.0; it is a share below 1"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_with_its_value(changes, message):
    with pytest.raises(UserError, match=message):
        Recipe(network="mlp", **changes)


def test_network_and_augmentation_must_fit_the_data():
    with pytest.raises(UserError, match="network is 'mlp'; those for kind 'text' are textcnn"):
        Recipe(network="mlp").check_kind("text")
    with pytest.raises(UserError, match="augment is 'flip'; those for kind 'text' are none"):
        Recipe(network="textcnn", augment="flip").check_kind("text")
    with pytest.raises(UserError, match="words cannot be mixed"):
        Recipe(network="textcnn", mixup=0.2).check_kind("text")
    with pytest.raises(UserError, match="resnet34 has none to be set"):
        Recipe(network="resnet34", dropout=0.1).module(2, None)
    for kind, names in NETWORKS.items():
        for name in names:
            Recipe(network=name).check_kind(kind)


def test_fewer_samples_than_a_batch_are_refused():
    recipe = Recipe(network="mlp", batch_size=64)
    with pytest.raises(UserError, match="there are 10 samples and a batch has 64"):
        next(train_iter(recipe, recipe.module(2, None), clusters(10), 2, jax.random.key(0)))
