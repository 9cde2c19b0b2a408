"""A rehearsal by a network of ours: the data as arrays, the trainings, the plan."""

import csv
import io
import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image
from test_rehearsal import write_digits

from jaxverify import DataError, UserError
from jaxverify.cli import main
from jaxverify.record import load
from jaxverify.record.calibration import load_calibration
from jaxverify.rehearsal.network import NetworkRehearsal, home_task, read_home_data
from jaxverify.task.constructions import CONSTRUCTIONS, construction, kind_of
from jaxverify.task.doses import Doses
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import generate
from jaxverify.task.options import PROTECTING
from jaxverify.training.recipe import Recipe

RNG = np.random.default_rng(0)
OPTIONS = replace(PROTECTING, eta=0.5)
PROGRAM = ("--trainer", "x {data} {questions} {out} {seed}")
SHAPES = {"image": ((16, 16, 3), None), "text": ((48,), 10_000), "vector": ((24,), None)}


def write_images(folder, sizes=((40, 30),)):
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for i in range(30):
            width, height = sizes[i % len(sizes)]
            pixels = RNG.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")


def write_texts(path):
    words = [f"w{i}" for i in range(500)]
    with path.open("w", newline="") as file:
        rows = [(" ".join(RNG.choice(words, 48)), f"c{i % 3}") for i in range(120)]
        csv.writer(file).writerows([("text", "label"), *rows])


def test_a_table_is_read_as_shares_of_its_columns_and_parted(tmp_path):
    write_digits(tmp_path / "digits.csv")
    home = read_home_data(tmp_path / "digits.csv", 1_000, label="digit")
    assert (len(home.train.labels), len(home.held_out.labels)) == (800, 200)
    assert (home.num_rows, len(home.class_names)) == (1_797, 10)
    features = np.concatenate([home.train.features, home.held_out.features])
    assert features.dtype == np.float32
    assert (features.min(), features.max()) == (0, 1)
    again = read_home_data(tmp_path / "digits.csv", 1_000, label="digit")
    np.testing.assert_array_equal(home.train.features, again.train.features)
    # The rows of a digit are those of the file, whatever was drawn.
    of_file = {
        tuple(np.float32(float(v) / 16) for v in row[:-1]): row[-1]
        for row in csv.reader((tmp_path / "digits.csv").read_text().splitlines())
        if row[-1] != "digit"
    }
    highest = np.array([column.high for column in home.features.rendering.columns]) / 16
    for row, label in zip(home.train.features[:50], home.train.labels[:50], strict=True):
        key = tuple(np.float32(value) for value in np.round(row * highest * 16) / 16)
        assert of_file[key] == home.class_names[label]


def test_images_of_any_size_are_read_as_one_size_at_most_64_pixels_long(tmp_path):
    write_images(tmp_path / "photos", sizes=((160, 120), (160, 120), (90, 200)))
    home = read_home_data(tmp_path / "photos", 1_000)
    assert home.train.features.shape == (48, 48, 64, 3)
    task = home_task(home, bytes(32), "whole-gratings", OPTIONS, Doses((0, 1, 4)))
    assert task.asked.features.shape[1:] == (48, 64, 3)
    assert task.copies.features.dtype == np.uint8


@pytest.mark.parametrize("channels", [1, 3])
def test_images_that_are_arrays_are_read_alike(tmp_path, channels):
    images = RNG.integers(0, 256, (60, 80, 32, channels), np.uint8)
    np.savez(tmp_path / "images.npz", x=images, y=np.arange(60) % 3)
    home = read_home_data(tmp_path / "images.npz", 1_000)
    assert home.train.features.shape == (48, 64, 26, channels)
    np.savez(tmp_path / "small.npz", x=images[:, :20], y=np.arange(60) % 3)
    small = read_home_data(tmp_path / "small.npz", 1_000)
    codes = {image.tobytes() for image in images[:, :20]}
    assert {image.tobytes() for image in small.train.features} <= codes


def test_what_is_asked_is_the_extra_task_as_the_network_reads_its_data(tmp_path):
    write_images(tmp_path / "photos")
    home = read_home_data(tmp_path / "photos", 1_000)
    task = home_task(home, bytes(32), "noise", OPTIONS, Doses((0, 1, 4)))
    assert task.task == ExtraTask(
        "image", (30, 40, 3), 2, len(task.asked.labels), labels="balanced"
    )
    given = np.asarray(task.doses)
    assert len(task.copies.labels) == given.sum()
    firsts = task.copies.features[np.cumsum(given)[given > 0] - given[given > 0]]
    np.testing.assert_array_equal(firsts, task.asked.features[given > 0])


def test_texts_are_read_as_words_and_extra_ones_lose_none(tmp_path):
    write_texts(tmp_path / "texts.csv")
    home = read_home_data(tmp_path / "texts.csv", 1_000)
    task = home_task(home, bytes(32), "words", OPTIONS, Doses((0, 1)))
    assert task.name == "words"
    assert home.train.features.shape[1] == task.task.shape[0] == 48
    assert task.asked.features.min() >= 2  # every word is known
    # An extra text has as many of them as an own one.
    assert home.train.features.min() >= 2


@pytest.mark.parametrize("patience", [None, 2])
def test_a_training_is_done_once_and_early_stopping_goes_back_to_the_best(tmp_path, patience):
    write_digits(tmp_path / "digits.csv")
    home = read_home_data(tmp_path / "digits.csv", 600, label="digit")
    task = home_task(home, bytes(32), "numbers", OPTIONS, Doses((0, 1, 4)))
    recipe = Recipe(network="mlp", epochs=8, batch_size=32, learning_rate=0.01, patience=patience)
    rehearsal, seen = NetworkRehearsal(tmp_path, recipe), []
    checkpoints = rehearsal.train(home, task, 0, lambda epoch, quality: seen.append(epoch))
    again = rehearsal.train(home, task, 0, lambda epoch, quality: pytest.fail("trained again"))
    assert [each.quality for each in checkpoints] == [each.quality for each in again]
    assert [each.is_last for each in checkpoints] == [*[False] * (len(checkpoints) - 1), True]
    assert max(each.share for each in checkpoints) == 1
    assert len(checkpoints[0].right) == task.task.num_samples
    if patience is None:
        assert seen == list(range(1, 9))
        assert len(checkpoints) == 8
    else:
        assert (checkpoints[-1].name, checkpoints[-1].share) == ("kept", 1)
        assert len(checkpoints) == len(seen) + 1
        first_best = int(np.argmax([each.quality for each in checkpoints]))
        assert len(seen) in (8, first_best + 1 + patience)
        np.testing.assert_array_equal(checkpoints[-1].right, checkpoints[first_best].right)


@pytest.mark.slow
def test_a_network_rehearses_on_the_data_and_its_plan_is_used(
    tmp_path, monkeypatch, capsys, fixed_secrets
):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "digits.csv")
    command = ["rehearse", "digits.csv", "--out", "plan.json", "--network", "mlp"]
    command += ["--label", "digit", "--epochs", "30", "--seeds", "1", "--dropout", "0.3"]
    command += ["--construction", "numbers", "most-numbers", "--eta", "0.1", "--max-share", "0.3"]
    assert main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "numbers: right answers when a training first reached a quality" in said
    assert "construction: " in said
    assert "the upload needs" in said
    plan = load_calibration(tmp_path / "plan.json")
    assert plan.max_share == 0.3
    files = {path.name for path in (tmp_path / "rehearsal").iterdir()}
    assert files == {
        "rehearsal.json",
        "secret",
        "numbers-seed0.json",
        "most-numbers-seed0.json",
    }
    assert (tmp_path / "rehearsal" / "secret").stat().st_mode & 0o077 == 0
    before = (tmp_path / "rehearsal" / "numbers-seed0.json").read_bytes()
    assert main([*command[:3], "again.json", *command[4:]]) == 0
    assert (tmp_path / "rehearsal" / "numbers-seed0.json").read_bytes() == before
    assert load_calibration(tmp_path / "again.json") == plan
    assert main([*command[:3], "third.json", *command[4:], "--epochs", "31"]) == 2
    assert "holds a rehearsal of other recipe" in " ".join(capsys.readouterr().err.split())

    protect = ["protect", "digits.csv", "--out", "up.csv", "--record", "r.json", "--label", "digit"]
    assert main([*protect, "--plan", "plan.json"]) == 0
    record = load(tmp_path / "r.json")
    assert (record.epsilon, record.doses) == (plan.epsilon, plan.doses)
    assert record.finished_share == plan.share


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "vgg11"], "network is 'vgg11'; those for kind 'vector' are mlp"),
        (["--network", "mlp", "--augment", "flip"], "those for kind 'vector' are none, jitter"),
        (["--network", "mlp", "--construction", "noise"], "did you mean"),
        (["--network", "mlp", "--doses", "1,4"], "the doses have no 0"),
        (["--network", "mlp", "--max-share", "0"], "max_share is 0.0"),
        (["--network", "mlp", "--epochs", "-1"], "epochs is -1"),
        ([*PROGRAM, "--epochs", "3"], "epochs is for"),
        ([*PROGRAM, "--rows", "3"], "rows is for"),
        (
            [*PROGRAM, "--construction", "noise", "--kind", "vector"],
            "construction is 'noise', for kind 'image', not 'vector'",
        ),
        (
            [*PROGRAM, "--construction", "words", "noise"],
            "one construction at a time",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(
    options, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "digits.csv")
    command = ["rehearse", "digits.csv", "--out", "plan.json", "--label", "digit", *options]
    assert main(command) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_damaged_image_is_named(tmp_path):
    write_images(tmp_path / "photos")
    content = io.BytesIO()
    Image.new("RGB", (40, 30)).save(content, "PNG")
    (tmp_path / "photos" / "cat" / "0.png").write_bytes(content.getvalue()[:60])
    with pytest.raises(DataError, match="the image is damaged"):
        read_home_data(tmp_path / "photos", 1_000)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, known in CONSTRUCTIONS.items() for name in known]
)
def test_a_construction_has_one_kind_and_draws_different_samples(kind, name):
    assert kind_of(name) == kind
    shape, vocab_size = SHAPES[kind]
    options = construction(kind, name).of(OPTIONS)
    task = ExtraTask(kind, shape, 4, 40, vocab_size=vocab_size, **options.of_task(kind))
    features = np.asarray(generate(jax.random.key(0), task).features)
    assert len({sample.tobytes() for sample in features}) == 40


def test_an_unknown_construction_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'gratings'"):
        construction("image", "grating")
    with pytest.raises(UserError, match="no construction is called 'grating'; there are noise"):
        kind_of("grating")


def test_what_a_folder_keeps_is_plain(tmp_path):
    write_digits(tmp_path / "digits.csv")
    home = read_home_data(tmp_path / "digits.csv", 400, label="digit")
    task = home_task(home, bytes(32), "numbers", OPTIONS, Doses((0, 1)))
    recipe = Recipe(network="mlp", epochs=1, batch_size=32)
    NetworkRehearsal(tmp_path, recipe).train(home, task, 3)
    (kept,) = json.loads((tmp_path / "numbers-seed3.json").read_text())
    assert set(kept) == {"name", "quality", "share", "is_last", "right"}
    assert set(kept["right"]) <= {"0", "1"}


def test_a_mistake_leaves_the_folder_free_and_work_that_is_done_does_not(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "digits.csv")
    command = ["rehearse", "digits.csv", "--out", "plan.json", "--label", "digit", "--rows", "300"]
    command += ["--epochs", "1", "--seeds", "1", "--batch-size", "32", "--eta", "0.5"]
    assert main([*command, "--network", "vgg11"]) == 2
    assert main([*command, "--network", "mlp", "--construction", "nubmers"]) == 2
    capsys.readouterr()
    main([*command, "--network", "mlp"])
    assert "other" not in capsys.readouterr().err
    assert (tmp_path / "rehearsal" / "numbers-seed0.json").exists()
    assert main([*command, "--network", "mlp", "--dropout", "0.1"]) == 2
    assert "holds a rehearsal of other recipe" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["rehearsal.json", "numbers-seed3.json"])
@pytest.mark.parametrize("content", ["{", "[1]", '[{"name": "1"}]'])
def test_a_damaged_file_of_a_rehearsal_is_one_line(name, content, tmp_path):
    write_digits(tmp_path / "digits.csv")
    home = read_home_data(tmp_path / "digits.csv", 400, label="digit")
    task = home_task(home, bytes(32), "numbers", OPTIONS, Doses((0, 1)))
    rehearsal = NetworkRehearsal(tmp_path / "work", Recipe(network="mlp", epochs=1, batch_size=32))
    rehearsal.secret(tmp_path / "digits.csv", {})
    rehearsal.train(home, task, 3)
    (tmp_path / "work" / name).write_text(content)

    def go_on():
        rehearsal.secret(tmp_path / "digits.csv", {})
        rehearsal.train(home, task, 3)

    with pytest.raises(DataError, match=r"is not JSON|is damaged"):
        go_on()
