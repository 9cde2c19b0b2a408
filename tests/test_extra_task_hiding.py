"""Extra tasks that are harder to find: other noise, another place, several fixed regions."""

import dataclasses
import json
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from customer_files import image_tree, read_table, reviews, write_table
from hypothesis import given, settings
from hypothesis import strategies as st
from test_extra_task import digest

from jaxverify import DataError, ExtraTask, UserError, generate
from jaxverify.challenge import sample_ids, twin_ids
from jaxverify.cli import main
from jaxverify.record.record import load, new_record, save
from jaxverify.rendering import ImageRendering
from jaxverify.task.generation import generate_batches, region_slices, region_start, twins
from jaxverify.task.generators import folded, pink

SWITCHES = {"placement": "secret", "num_fixed": 4, "labels": "balanced"}
IMAGE = ExtraTask("image", (24, 32, 3), 3, 130, generator="pink", **SWITCHES)
TEXT = ExtraTask("text", (64,), 3, 130, generator="zipf", vocab_size=500, **SWITCHES)
VECTOR = ExtraTask("vector", (30,), 3, 130, **SWITCHES)
TASKS = [IMAGE, TEXT, VECTOR]
KINDS = [task.kind for task in TASKS]


@st.composite
def specifications(draw):
    """Any task of few classes, with any of the switches."""
    kind, number = draw(st.sampled_from(KINDS)), draw(st.integers(20, 60))
    image = (draw(st.integers(7, 16)), draw(st.integers(7, 16)), draw(st.integers(1, 3)))
    return {
        "kind": kind,
        "shape": image if kind == "image" else (draw(st.integers(40, 60)),),
        "num_classes": draw(st.integers(2, 5)),
        "num_samples": number,
        "fixed_ratio": draw(st.floats(0.2, 0.6)),
        "labels": draw(st.sampled_from(["iid", "balanced"])),
        "vocab_size": draw(st.integers(50, 2000)) if kind == "text" else None,
        "generator": draw(st.sampled_from(["uniform", "pink"])) if kind == "image" else "uniform",
        "placement": draw(st.sampled_from(["corner", "secret"])),
        "num_fixed": draw(st.integers(1, number)),
    }


def split(task, key, features):
    """The random regions and the fixed ones of samples, each as rows."""
    inside = np.zeros(task.shape, bool)
    inside[region_slices(key, task)] = True
    features = np.asarray(features)
    return features[:, inside], features[:, ~inside]


@given(specifications())
@settings(max_examples=6, deadline=None)
def test_twins_share_place_label_and_fixed_region_and_no_random_one(specification):
    task, key = ExtraTask(**specification), jax.random.key(3)
    samples = generate(key, task, jnp.arange(2 * task.num_samples))  # the twins come second
    labels, twin_labels = np.split(np.asarray(samples.labels), 2)
    np.testing.assert_array_equal(labels, twin_labels)
    random, both = split(task, key, samples.features)
    assert len(np.unique(random, axis=0)) == 2 * task.num_samples
    fixed, fixed_of_twins = np.split(both, 2)
    np.testing.assert_array_equal(fixed, fixed_of_twins)

    regions, which = np.unique(fixed, axis=0, return_inverse=True)
    counts = np.zeros((len(regions), task.num_classes), int)
    np.add.at(counts, (which, labels), 1)
    if fixed[0].size >= 8:  # of fewer features two regions may be alike
        in_turn = task.num_classes if task.labels == "balanced" else 1
        assert len(regions) == min(task.num_fixed, -(-task.num_samples // in_turn))
        most, least = counts.sum(1).max(), counts.sum(1).min()
        assert len(regions) < task.num_fixed or most - least <= in_turn
    if task.labels == "balanced":
        # No answer that follows from the fixed region alone is right more often than this.
        assert counts.max(axis=1).sum() <= -(-task.num_samples // task.num_classes)
        assert fixed[0].size < 8 or np.ptp(counts, axis=1).max() <= 1


@pytest.mark.parametrize("task", TASKS, ids=KINDS)
def test_sample_i_depends_on_key_task_and_i_alone_and_its_twin_likewise(task):
    key = jax.random.key(5)
    whole = generate(key, task, jnp.arange(2 * task.num_samples))  # the twins come second
    indices = jnp.array([7, 0, task.num_samples - 1, task.num_samples + 7])
    part = generate(key, task, indices)
    for found, expected in zip(part, whole, strict=True):
        np.testing.assert_array_equal(found, expected[indices])


@pytest.mark.optimized
def test_twins_are_the_samples_beyond_and_no_jit_changes_a_byte():
    key = jax.random.key(5)
    whole = generate(key, VECTOR, jnp.arange(260))
    assert digest(generate(key, VECTOR)) == digest(jax.tree.map(lambda a: a[:130], whole))
    assert digest(twins(key, VECTOR)) == digest(jax.tree.map(lambda a: a[130:], whole))
    jitted = jax.jit(generate, static_argnames="task")
    assert digest(jitted(key, VECTOR)) == digest(generate(key, VECTOR))


@pytest.mark.optimized
def test_samples_are_the_same_under_vmap():
    pair = jnp.stack([jax.random.key(6), jax.random.key(5)])
    both = jax.jit(jax.vmap(lambda key: generate(key, VECTOR)))(pair)
    for i, seed in enumerate((6, 5)):
        found = digest(jax.tree.map(lambda a, i=i: a[i], both))
        assert found == digest(generate(jax.random.key(seed), VECTOR))


def test_batches_put_together_are_what_generate_returns():
    key = jax.random.key(5)
    batches = list(generate_batches(key, VECTOR, 50))
    whole = generate(key, VECTOR)
    assert digest(type(whole)(*map(np.concatenate, zip(*batches, strict=True)))) == digest(whole)


# The samples must be the same in every version of JAX: the customer draws them again long after.
GOLDEN = {
    "image": "fdb5c04a533384b338ad1a0492d084dd29d784cad919f2484c87b31d65194fa0",
    "text": "829e49bb9fdde164a833bbe1157080e10fd6b10d08b1f7e722c6d598bb33d14c",
    "vector": "7930f9bfaa9eb5dc1044695f101ec98fc79a4aad3c3bb70f22f79e4392c7ecc0",
}


@pytest.mark.optimized
@pytest.mark.parametrize("task", TASKS, ids=KINDS)
def test_golden_bytes(task):
    assert digest(generate(jax.random.key(42), task)) == GOLDEN[task.kind]


def test_the_switches_change_neither_labels_nor_random_regions():
    key = jax.random.key(9)
    plain = dataclasses.replace(VECTOR, placement="corner", num_fixed=1)
    moved = dataclasses.replace(VECTOR, num_fixed=1)
    several = dataclasses.replace(VECTOR, placement="corner")
    expected = generate(key, plain)
    for task in (moved, several, VECTOR):
        found = generate(key, task)
        np.testing.assert_array_equal(found.labels, expected.labels)
        random, _ = split(task, key, found.features)
        np.testing.assert_array_equal(random, split(plain, key, expected.features)[0])


def test_a_secret_place_is_uniform_over_all_places():
    task = dataclasses.replace(IMAGE, shape=(8, 6, 1), num_samples=20, generator="uniform")
    assert task.random_shape == (4, 3, 1)
    draw = jax.jit(jax.vmap(lambda key: region_start(key, task)))
    starts = np.asarray(draw(jax.random.split(jax.random.key(0), 2000)))
    places, counts = np.unique(starts, axis=0, return_counts=True)
    assert places.tolist() == [[y, x, 0] for y in range(5) for x in range(4)]
    assert np.abs(counts - 100).max() < 5 * np.sqrt(100)


def test_where_the_region_lies_is_asked_of_the_key():
    with pytest.raises(UserError, match="placement is 'secret'"):
        _ = IMAGE.random_region
    corner = dataclasses.replace(VECTOR, placement="corner")
    assert corner.random_region == (slice(22, None),)
    assert region_start(jax.random.key(0), corner).tolist() == [22]


def spectrum(images):
    """Frequency and mean amplitude, of bands of equal width on the logarithmic scale."""
    n = images.shape[1]
    window = np.hanning(n)[:, None] * np.hanning(n)
    images = images - images.mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(images * window)) ** 2).mean(0)
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n))
    edges = np.geomspace(4 / n, 0.5, 7)
    bands = [(frequency >= a) & (frequency < b) for a, b in pairwise(edges)]
    return np.sqrt(edges[1:] * edges[:-1]), np.array(
        [np.sqrt(power[band].mean()) for band in bands]
    )


@pytest.mark.parametrize(("generator", "slope"), [("pink", -1), ("uniform", 0)])
@pytest.mark.parametrize("side", [64, 100])
def test_the_amplitude_of_pink_noise_falls_as_one_over_the_frequency(generator, slope, side):
    task = ExtraTask("image", (side, side, 3), 2, 64, fixed_ratio=0.01, generator=generator)
    size = min(task.random_shape[:2])
    images = np.asarray(generate(jax.random.key(0), task).features)[:, :size, :size].astype(float)
    frequency, amplitude = spectrum(images[..., 1])
    line = np.polyfit(np.log(frequency), np.log(amplitude), 1)
    assert line[0] == pytest.approx(slope, abs=0.2)
    # A straight line, at all frequencies.
    assert np.abs(np.polyval(line, np.log(frequency)) - np.log(amplitude)).max() < 0.2
    channels = np.corrcoef(images.reshape(-1, 3).T)
    assert channels[0, 1] == pytest.approx(0.9 if generator == "pink" else 0, abs=0.05)


def test_pink_noise_is_around_grey_and_seldom_black_or_white():
    draws = jax.jit(jax.vmap(lambda key: pink(key, IMAGE, (32, 32, 3))))
    images = np.asarray(draws(jax.random.split(jax.random.key(1), 400)))
    assert images.dtype == np.uint8
    assert abs(images.mean() - 128) < 4
    assert 35 < images.std() < 65
    assert np.isin(images, (0, 255)).mean() < 0.01


def test_no_pixel_is_given_by_more_than_16_of_256_numbers_in_a_row():
    numbers = jnp.arange(-6000, 6000, dtype=jnp.int32)
    pixels = np.asarray(folded(numbers[:, None, None])).ravel().astype(int)
    assert set(pixels) == set(range(256))
    counts = np.cumsum(pixels[:, None] == np.arange(256), axis=0)
    assert (counts[256:] - counts[:-256]).max() == 16


@pytest.mark.parametrize("task", [TEXT, VECTOR], ids=["text", "vector"])
def test_pink_noise_is_refused_where_there_are_no_images(task):
    with pytest.raises(UserError, match="generator is 'pink'; it fills images, not a task of kind"):
        generate(jax.random.key(0), dataclasses.replace(task, generator="pink"))


@pytest.mark.usefixtures("untyped_caller")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"placement": "centre"}, "placement is 'centre'"),
        ({"num_fixed": 0}, "num_fixed is 0"),
        ({"num_fixed": 131}, "num_fixed is 131; .* at most the 130 samples"),
        ({"shape": (8, 8, 1)}, r"only 2\^48.0 values"),
    ],
)
def test_a_task_that_cannot_work_is_refused_naming_the_value(change, message):
    number = 2000 if "shape" in change else 130
    with pytest.raises(UserError, match=message):
        dataclasses.replace(IMAGE, **{"num_samples": number, **change})


def saved(task, path):
    record = new_record(task, ImageRendering("PNG", "RGB"), ("image",), ("a", "b", "c"))
    save(record, path)
    return record


def test_a_record_keeps_the_switches(tmp_path):
    record = saved(IMAGE, tmp_path / "record.json")
    again = load(tmp_path / "record.json")
    assert again == record
    assert again.task == IMAGE
    np.testing.assert_array_equal(again.samples().features, generate(record.key, IMAGE).features)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("num_fixed", value) for value in (0, -1, 2.0, True, "4", None, 131, 2**40)),
        *(("placement", value) for value in ("centre", None, 3, ["corner"])),
    ],
)
def test_a_record_with_a_wrong_switch_is_refused(field, value, tmp_path):
    path = tmp_path / "record.json"
    saved(IMAGE, path)
    content = json.loads(path.read_text())
    assert field in content["task"]
    content["task"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="task is damaged"):
        load(path)


# Written by commit e835288, before there were these switches.
OLD = {
    "format": "jaxverify record",
    "version": 1,
    "secret": bytes(range(32)).hex(),
    "salt": "e81ca53cee46cc18d3a35c185c758e5375890d9547ecab65d4b7798450d38eb8",
    "task": {
        "kind": "text",
        "shape": [80],
        "num_classes": 2,
        "num_samples": 40,
        "fixed_ratio": 0.75,
        "labels": "balanced",
        "generator": "zipf",
        "vocab_size": 12,
    },
    "rendering": {"kind": "text", "vocabulary": [f"w{i}" for i in range(10)]},
    "columns": ["text"],
    "class_names": ["no", "yes"],
    "alpha": 0.01,
    "epsilon": 0.03,
    "fingerprint": "1c85bb63c1a4e98b5f40b4a04650ffe98181f2a2bfa7b228fdd6e0334a3a1860",
    "created": "2026-11-26T05:46:30+00:00",
    "versions": {"jax": "0.10.2", "jaxlib": "0.10.2", "numpy": "2.4.6", "pillow": "13.0.0"},
}


def test_an_old_record_draws_the_same_samples_and_has_the_same_commitment(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    record = load(tmp_path / "old.json")
    assert (record.task.placement, record.task.num_fixed) == ("corner", 1)
    assert len(record.samples().labels) == 40  # would raise with other samples
    commitment = "664ca35b58b3b1eb9f912d18cab20ef561f61092b7ea06637600e5e0feb09fbf"
    assert record.commitment() == commitment


def verdict(folder, answers):
    (folder / "answers.json").write_text(json.dumps(answers))
    command = ["verify", str(folder / "record.json"), "--predictions"]
    return main([*command, str(folder / "answers.json"), "--twins"])


@pytest.mark.parametrize("kind", ["image", "text"])
def test_protected_and_verified_from_the_command_line(kind, tmp_path, capsys):
    if kind == "image":
        data, out, generator = image_tree(tmp_path / "photos", 120), tmp_path / "up", "pink"
    else:
        data, out = write_table(tmp_path / "data.csv", reviews()), tmp_path / "up.csv"
        generator = "zipf"
    command = ["protect", str(data), "--out", str(out), "--record", str(tmp_path / "record.json")]
    options = ["--placement", "secret", "--num-fixed", "4", "--generator", generator]
    assert main([*command, *options, "--eta", "0.3", "--force"]) == 0
    record = load(tmp_path / "record.json")
    task = record.task
    assert (task.placement, task.num_fixed, task.generator) == ("secret", 4, generator)
    assert main(["show", str(tmp_path / "record.json")]) == 0
    assert "secret, 4" in capsys.readouterr().out

    samples = record.samples()
    rendered = record.rendering.render(np.asarray(samples.features))
    if kind == "text":
        before, after = read_table(data), read_table(out)
        assert after[0].keys() == before[0].keys()
        texts = [row["text"] for row in after]
        assert set(rendered) <= set(texts)
        assert len(texts) == len(before) + task.num_samples
        written = out.read_text()
    else:
        files = [path for path in out.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {p.suffix for p in data.rglob("*.*")}
        assert set(rendered) <= {path.read_bytes() for path in files}
        written = " ".join(str(path) for path in files)
    for word in ("secret", "pink", "extra", "fixed", record.secret.hex()):
        assert word not in written.removeprefix(str(tmp_path))

    right = [record.class_names[label] for label in np.asarray(samples.labels)]
    known = dict(zip(sample_ids(record), right, strict=True))
    unknown = dict.fromkeys(twin_ids(record), record.class_names[0])
    assert verdict(tmp_path, known | unknown) == 0
    (tmp_path / "record.json.ledger").unlink()
    assert verdict(tmp_path, dict.fromkeys(known, record.class_names[0]) | unknown) == 1
