"""Theorem 1's quantities: equal to brute force, without bias, and with intervals that cover."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import Samples, TrainedModel, UserError, models
from jaxverify.gradients import coherence, compare, pairwise_cosines, task_gradients
from jaxverify.layers import Conv, max_pool


def linear(variables, features):
    """A model whose gradient for a sample, under the loss below, is the sample itself."""
    return features @ variables["params"]


def first_logit(logits, labels):
    return logits[:, 0]


class Small(nn.Module):
    """Real layers, few of them."""

    @nn.compact
    def __call__(self, x, train=False):
        x = max_pool(nn.relu(Conv(4, (3, 3))(x / 255 - 0.5)), (2, 2), (2, 2))
        x = nn.relu(Conv(3, (3, 3), 2)(x))
        return nn.Dense(10)(x.reshape(len(x), -1))


LINEAR = TrainedModel({"params": jnp.zeros((6, 1))}, linear)
measure = partial(task_gradients, loss=first_logit, method="vmap")


def task(x, **options):
    x = np.asarray(x, np.float32)
    return measure(LINEAR, Samples(x, np.zeros(len(x), np.int32)), **options)


def drawn(n, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, (n, 6)).astype(np.float32)


def by_double_loop(gradients):
    """The mean cosine of two different gradients, as eq. 7 writes it."""
    cosines = [
        a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
        for i, a in enumerate(gradients)
        for j, b in enumerate(gradients)
        if i != j
    ]
    return np.mean(cosines)


@pytest.fixture(scope="module")
def network():
    """A network, some samples, and their gradients one after the other."""
    module = Small()
    features = np.asarray(jax.random.bits(jax.random.key(0), (11, 8, 8, 1), jnp.uint8))
    labels = np.arange(11, dtype=np.int32) % 10
    variables = jax.jit(module.init)(jax.random.key(1), features)
    model = TrainedModel(variables, models.Inference(module))

    def loss(params, batch):
        logits = model.apply({**variables, "params": params}, batch.features)
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)

    gradient = jax.jit(jax.grad(lambda params, batch: loss(params, batch)[0]))
    samples = Samples(features, labels)
    gradients = [
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradient(params, one))])
        for params in [variables["params"]]
        for one in (Samples(features[i : i + 1], labels[i : i + 1]) for i in range(len(labels)))
    ]
    return model, samples, loss, np.array(gradients, np.float64)


@pytest.mark.parametrize("batch_size", [1, 2, 128])
@pytest.mark.parametrize("method", ["ghost", "vmap"])
def test_sums_norms_and_products_are_those_of_a_loop_whatever_batch_size(
    network, batch_size, method
):
    model, samples, _, gradients = network
    found = task_gradients(model, samples, num_chunks=3, batch_size=batch_size, method=method)
    norms = np.linalg.norm(gradients, axis=1)
    np.testing.assert_allclose(found.norms, norms, rtol=1e-5)
    assert found.sizes.tolist() == [4, 4, 3]
    for chunks, each in ((found.plain, gradients), (found.unit, gradients / norms[:, None])):
        sums = np.array([part.sum(0) for part in np.split(each, [4, 8])])
        scale = np.abs(sums @ sums.T).max()
        np.testing.assert_allclose(chunks.gram, sums @ sums.T, atol=1e-5 * scale)
        total = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(chunks.total)])
        np.testing.assert_allclose(total, each.sum(0), atol=1e-5 * np.abs(total).max())


@pytest.mark.parametrize("options", [{}, {"norms": "ghost"}, {"method": "pairs"}])
def test_coherence_is_that_of_a_double_loop_to_1e_5(network, options):
    model, samples, loss, gradients = network
    found = jax.jit(partial(coherence, loss, **options))(model.variables["params"], samples)
    np.testing.assert_allclose(found, by_double_loop(gradients), atol=1e-5)


def test_the_comparison_finds_the_same_coherence_as_the_double_loop_to_1e_5(network):
    model, samples, _, gradients = network
    measured = task_gradients(model, samples, num_chunks=4)
    found = compare(measured, measured, num_clean=11, num_extra=11).clean_coherence
    np.testing.assert_allclose(found.value, by_double_loop(gradients), atol=1e-5)


@given(n=st.integers(2, 9), block_size=st.integers(1, 10), zero=st.booleans())
@settings(max_examples=20)
def test_cosines_of_pairs_for_any_block_size_and_zero_where_a_gradient_is_zero(n, block_size, zero):
    x = drawn(n)
    if zero:
        x[-1] = 0

    def loss(w, x):
        return x @ w

    cosines = jax.jit(partial(pairwise_cosines, loss, block_size=block_size))(jnp.zeros(6), x)
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose(cosines, unit @ unit.T, atol=1e-5)
    expected = ((unit @ unit.T).sum() - (n - zero)) / (n * (n - 1))
    found = jax.jit(partial(coherence, loss))(jnp.zeros(6), x)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@given(
    n_c=st.integers(4, 20), n_r=st.integers(4, 12), chunks=st.integers(2, 4), seed=st.integers(0, 9)
)
@settings(max_examples=20)
def test_where_all_were_measured_the_norms_are_those_of_the_sums(n_c, n_r, chunks, seed):
    x_c, x_r = drawn(n_c, 1.0, seed), drawn(n_r, 0.2, seed + 100)
    found = compare(
        task(x_c, num_chunks=chunks),
        task(x_r, num_chunks=chunks),
        num_clean=n_c,
        num_extra=n_r,
        resamples=20,
    )
    sum_c, sum_r = x_c.sum(0), x_r.sum(0)
    norm = np.linalg.norm
    np.testing.assert_allclose(found.clean_norm.value, norm(sum_c), rtol=1e-4)
    np.testing.assert_allclose(found.extra_norm.value, norm(sum_r), rtol=1e-4)
    np.testing.assert_allclose(found.raw_ratio.value, norm(sum_c) / norm(sum_r), rtol=1e-4)
    cosine = sum_c @ (sum_c + sum_r) / norm(sum_c) / norm(sum_c + sum_r)
    np.testing.assert_allclose(found.similarity, cosine, atol=1e-4)
    assert found.orthogonal_ratio == pytest.approx(np.sqrt(n_c / n_r))
    mean_norms = norm(x_c, axis=1).mean() / norm(x_r, axis=1).mean()
    np.testing.assert_allclose(found.norm_ratio.value, mean_norms, rtol=1e-4)


def test_the_matched_ratio_is_that_of_the_root_mean_squares_over_all_subsets():
    from itertools import combinations

    x_c, x_r = drawn(7, 0.5), drawn(4, 0.1, seed=1)
    found = compare(
        task(x_c, num_chunks=3), task(x_r, num_chunks=2), num_clean=7, num_extra=4, resamples=20
    )
    subsets = [np.sum(x_c[list(rows)].sum(0) ** 2) for rows in combinations(range(7), 4)]
    expected = np.sqrt(np.mean(subsets) / np.sum(x_r.sum(0) ** 2))
    np.testing.assert_allclose(found.matched_ratio.value, expected, rtol=1e-4)


def test_the_norm_of_all_is_known_without_bias_from_some_of_them():
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 1, (400, 6)).astype(np.float32)
    extra = task(drawn(20), num_chunks=4)
    squares = []
    for _ in range(60):
        some = x[rng.permutation(400)[:40]]
        found = compare(task(some, num_chunks=4), extra, num_clean=400, num_extra=20, resamples=2)
        squares.append(found.clean_norm.value**2)
    truth = np.sum(x.sum(0) ** 2)
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - truth) < 3 * error
    # Forty samples scaled up, as a plain mean would be, are far off.
    assert truth < 400**2 * 6 * 0.3**2 + 400 * 6 + 6 * error


@pytest.mark.parametrize(
    ("mean", "chunks", "least", "most"),
    [
        (0.3, 25, 86, 100),  # of 93: three standard errors
        (0.0, 25, 96, 100),  # orthogonal, of 99
        (0.3, 4, 69, 92),  # of 80: four chunks are too few
    ],
)
def test_intervals_are_approximate_and_cover_the_truth_as_often_as_compare_says(
    mean, chunks, least, most
):
    rng = np.random.default_rng(0)
    extra = task(drawn(50), num_chunks=25)
    # The unit vectors' mean, from many: the truth that the interval of coherence is about.
    many = rng.normal(mean, 1, (1_000_000, 6))
    truth = np.sum((many / np.linalg.norm(many, axis=1, keepdims=True)).mean(0) ** 2)
    covered = 0
    for _ in range(100):
        x = rng.normal(mean, 1, (200, 6))
        measured = task(x, num_chunks=chunks)
        found = compare(measured, extra, num_clean=200, num_extra=50, resamples=300)
        covered += found.clean_coherence.low <= truth <= found.clean_coherence.high
    assert least <= covered <= most


def test_coherence_without_any_is_nothing_on_average():
    found = [
        compare(t, t, num_clean=100, num_extra=100, resamples=2).clean_coherence.value
        for t in (task(drawn(100, seed=seed), num_chunks=10) for seed in range(60))
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(60)


def test_figure_5_has_the_cosines_of_every_two_chunks():
    x = drawn(12, 0.5)
    found = compare(
        task(x, num_chunks=3), task(x, num_chunks=4), num_clean=12, num_extra=12, resamples=2
    )
    sums = x.reshape(3, 4, 6).sum(1)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    expected = (sums @ sums.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(found.clean_cosines, expected, atol=1e-5)
    assert len(found.extra_cosines) == 6


def test_vanished_gradients_give_no_number_rather_than_a_wrong_one():
    clean, extra = task(drawn(8), num_chunks=2), task(np.zeros((4, 6)), num_chunks=2)
    found = compare(clean, extra, num_clean=8, num_extra=4, resamples=9)
    assert found.raw_ratio.value == np.inf
    assert found.extra_coherence.value == 0
    plain = found.to_dict()
    assert plain["raw_ratio"] == [None, None, None]
    assert plain["clean_norm"][0] == found.clean_norm.value
    assert found.extra_cosines.tolist() == [0.0]
    assert compare(extra, extra, num_clean=4, num_extra=4).to_dict()["similarity"] is None


def test_mistakes_are_told_with_their_values(untyped_caller):
    x = drawn(5)
    with pytest.raises(UserError, match="num_chunks is 6; of 5 samples it may be 2 to 5"):
        task(x, num_chunks=6)
    with pytest.raises(UserError, match="batch_size is 0"):
        task(x, num_chunks=2, batch_size=0)
    some = task(x, num_chunks=2)
    with pytest.raises(UserError, match="num_extra is 4, but 5 samples were measured"):
        compare(some, some, num_clean=5, num_extra=4)

    def loss(w, x):
        return x @ w

    with pytest.raises(UserError, match="pairs of samples, and there is 1"):
        coherence(loss, jnp.zeros(6), x[:1])
    with pytest.raises(UserError, match="method='cosine' is unknown"):
        coherence(loss, jnp.zeros(6), x, method="cosine")
    with pytest.raises(UserError, match="block_size=0"):
        pairwise_cosines(loss, jnp.zeros(6), x, block_size=0)
