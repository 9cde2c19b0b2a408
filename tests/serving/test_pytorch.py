"""A PyTorch model in a file: what it takes and gives, and that no pickle in the file runs."""

import io
import json
import os
import pickle
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from jaxverify import DataError, ExtraTask, UserError
from jaxverify.challenge import questions
from jaxverify.cli import main
from jaxverify.predictors import local
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.isolated import open_isolated
from jaxverify.predictors.process import Limits
from jaxverify.predictors.pytorch import open_torch
from jaxverify.predictors.reading import read
from jaxverify.predictors.tensors import Pixels
from jaxverify.record.record import new_record, save
from jaxverify.rendering import Column, ImageRendering, VectorRendering

NAMES = ("no", "yes", "maybe")
CLASSES = Classes(NAMES)
FIRST = Pixels(layout="nchw")  # where the file does not tell
DECODED = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 3), np.uint8)
RENDERING = ImageRendering("PNG", "RGB")
IMAGES = {"image": RENDERING.render(DECODED)}
SAMPLE = torch.zeros(2, 3, 4, 4)


def ask(model, columns, classes, pixels):
    return read(local.ask(model, columns, classes, pixels), classes)


def opened(path):
    """In this process."""
    return open_torch(path, path.read_bytes())


def isolated(path, limits=None):
    """In a process of its own, as the command line asks it."""
    return open_isolated("torch", path, path.read_bytes(), limits or Limits())


class Net(nn.Module):
    """Answers alike every time in evaluation alone."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.flatten, self.drop, self.last = nn.Flatten(), nn.Dropout(0.9), nn.Linear(48, 3)

    def forward(self, image):
        return self.last(self.drop(self.flatten(image)))


def exported(model, path, sample=SAMPLE, *, fixed=False):
    shapes = None if fixed else ({0: torch.export.Dim("n")},)
    torch.export.save(torch.export.export(model, (sample,), dynamic_shapes=shapes), path)
    return path


def scripted(model, path, sample=SAMPLE):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        torch.jit.script(model).save(path)
    return path


def answers(model, dtype=torch.float32):
    pixels = torch.from_numpy(DECODED.transpose(0, 3, 1, 2)).to(dtype) / 255
    with torch.inference_mode():
        return model.eval()(pixels).argmax(1).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("write", [exported, scripted])
def test_images_are_given_in_the_models_own_type(write, dtype, tmp_path):
    model = Net().to(dtype).eval()
    loaded = opened(write(model, tmp_path / "m.pt2", SAMPLE.to(dtype)))
    assert ask(loaded, IMAGES, CLASSES, FIRST) == answers(model, dtype)


def test_a_model_saved_while_it_trained_is_asked_in_evaluation(tmp_path):
    loaded = opened(scripted(Net().train(), tmp_path / "m.pt"))
    assert ask(loaded, IMAGES, CLASSES, FIRST) == answers(Net())
    with pytest.raises(UserError, match="say --layout nchw or --layout nhwc"):
        ask(loaded, IMAGES, CLASSES, Pixels())


def test_a_program_for_two_images_answers_five(tmp_path):
    loaded = opened(exported(Net().eval(), tmp_path / "m.pt2", fixed=True))
    assert loaded.inputs[0].shape == (2, 3, 4, 4)
    assert ask(loaded, IMAGES, CLASSES, Pixels()) == answers(Net())


class OfBytes(nn.Module):
    """Takes pixels as they are, and gives labels beside scores, by name."""

    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, image):
        scores = self.net(image.float() / 255)
        return {"label": scores.argmax(1), "scores": scores}


def test_whole_pixels_and_several_outputs_by_name(tmp_path):
    sample = SAMPLE.to(torch.uint8)
    loaded = opened(exported(OfBytes().eval(), tmp_path / "m.pt2", sample))
    assert loaded.inputs[0].dtype == "uint8"
    # Of five labels not all need occur by which they are known to count from 0.
    assert ask(loaded, IMAGES, Classes(NAMES, "indices"), Pixels()) == answers(Net())


@pytest.mark.parametrize("write", [exported, scripted])
def test_numbers_are_one_matrix(write, tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3)).eval()
    rendering = VectorRendering(tuple(Column(name, "float64", 0.0, 9.0) for name in "abcd"))
    task = ExtraTask("vector", (4,), 3, 30, fixed_ratio=0.5)
    given = questions(new_record(task, rendering, tuple("abcd"), NAMES))
    asked = {name: given[name] for name in "abcd"}
    matrix = np.column_stack([asked[name] for name in "abcd"]).astype(np.float32)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(matrix)).argmax(1).tolist()
    loaded = opened(write(model, tmp_path / "m.pt2", torch.zeros(2, 4)))
    assert ask(loaded, asked, CLASSES, Pixels()) == wanted


@pytest.mark.parametrize("write", [exported, scripted])
def test_in_a_process_of_its_own_a_model_answers_as_in_this_one(write, tmp_path):
    path = write(Net().eval(), tmp_path / "m.pt2")
    wanted = local.ask(opened(path), IMAGES, CLASSES, FIRST)
    assert local.ask(isolated(path), IMAGES, CLASSES, FIRST) == wanted
    path.write_bytes(b"no model")
    for how in (opened, isolated):
        with pytest.raises(DataError, match="is no PyTorch program: where the model is known"):
            how(path)


class Fewer(nn.Module):
    """Answers the first three questions."""

    def forward(self, image):
        return image.flatten(1)[:3, :3]


class Memory(nn.Module):
    """Takes 24 GB."""

    def forward(self, image):
        return torch.ones(6000, 1000, 1000)[: image.shape[0], :3, 0] + image.sum()


class Forever(nn.Module):
    """Never answers."""

    def forward(self, image):
        i = 0
        while i >= 0:
            i = (i + 1) % 7
        return image


@pytest.mark.parametrize(
    ("model", "limits", "words"),
    [
        (Fewer(), Limits(), "gave 3 answers for 5 questions$"),
        (Memory(), Limits(memory=4.0), r"m\.pt wanted more than 4 GiB of memory: raise --memory"),
        (Forever(), Limits(15.0), r"m\.pt took longer than 15 s for 5 questions: raise --timeout"),
    ],
)
def test_a_program_that_breaks_a_limit_is_an_error(model, limits, words, tmp_path):
    loaded = isolated(scripted(model, tmp_path / "m.pt"), limits)
    with pytest.raises(UserError, match=words):
        ask(loaded, IMAGES, CLASSES, FIRST)


def test_what_does_not_fit_is_an_error_with_its_reason(tmp_path):
    program = opened(exported(Net().eval(), tmp_path / "m.pt2"))
    larger = {"image": RENDERING.render(DECODED.repeat(2, axis=1))}
    with pytest.raises(UserError, match=r"takes image: float32 \[any, 3, 4, 4\]"):
        ask(program, larger, CLASSES, Pixels())
    script = opened(scripted(Net(), tmp_path / "m.pt"))
    with pytest.raises(UserError, match=r"failed at a question \(.*shapes cannot be multiplied"):
        ask(script, larger, CLASSES, FIRST)
    with pytest.raises(UserError, match=r"gives output 0: float64 \[5, 3\]: neither scores of 2"):
        ask(script, IMAGES, Classes(("a", "b")), FIRST)
    with pytest.raises(UserError, match="the questions are texts"):
        ask(program, {"text": ["a"]}, CLASSES, Pixels())


class Bomb:
    """What a pickle can do: anything."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def rewritten(path, **changes):
    """The archive with some of its files replaced, or added."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    root = next(iter(contents)).partition("/")[0]
    contents |= {f"{root}/{name}": content for name, content in changes.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def torch_saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def config(path, name, **change):
    with zipfile.ZipFile(path) as archive:
        value = json.loads(archive.read(f"{path.stem}/{name}"))
    for entry in value["config"].values():
        entry.update(change)
    return {name: json.dumps(value).encode()}


def as_sample(path, bomb):
    return {"data/sample_inputs/model.pt": torch_saved((bomb,))}


def as_weight(path, bomb):
    name = "data/weights/model_weights_config.json"
    weights = {f"data/weights/weight_{i}": torch_saved(bomb) for i in range(2)}
    return weights | config(path, name, use_pickle=True)


def as_old_weights(path, bomb):
    return {"data/weights/model.pt": torch_saved({"last.weight": bomb})}


def as_object(path, bomb):
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}
    value = {"config": {"object": entry | {"tensor_meta": None}}}
    return {
        "data/constants/opaque_obj_0": pickle.dumps(bomb),
        "data/constants/model_constants_config.json": json.dumps(value).encode(),
    }


@pytest.mark.parametrize("place", [as_sample, as_weight, as_old_weights, as_object])
def test_no_pickle_in_a_program_is_run(place, tmp_path, capfd):
    path, mark = tmp_path / "m.pt2", tmp_path / "run"
    exported(Net().eval(), path)
    rewritten(path, **place(path, Bomb(mark)))
    with pytest.raises(DataError, match=r"cannot be opened by PyTorch|refused"):
        opened(path)
    assert not mark.exists()
    assert capfd.readouterr().err == ""
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    with suppress(Exception):
        torch.export.load(path)
    assert mark.exists()  # so it was no dud


def test_compiled_code_in_a_program_is_refused(tmp_path):
    path = exported(Net().eval(), tmp_path / "m.pt2")
    rewritten(path, **{"data/aotinductor/model/model.so": b"\x7fELF"})
    with pytest.raises(DataError, match=r"model\.so, which is neither program nor weights"):
        opened(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("weights", [True, False])
def test_what_torch_save_wrote_is_refused_and_how_to_export_is_said(weights, zipped, tmp_path):
    path, mark = tmp_path / "m.pt", tmp_path / "run"
    value = {"w": Net().state_dict(), "bomb": Bomb(mark)} if weights else Bomb(mark)
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"torch\.export\.save\(torch\.export\.export\(model"):
        opened(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", "folder", None, "cut", "empty zip"])
def test_what_is_no_model_is_an_error_and_no_traceback(content, tmp_path, capfd):
    record = tmp_path / "record.json"
    save(new_record(ExtraTask("image", (4, 4, 3), 3, 90), RENDERING, ("image",), NAMES), record)
    path = tmp_path / "m.pt2"
    if content == "folder":
        path.mkdir()
    elif content == "cut":
        path.write_bytes(exported(Net().eval(), path).read_bytes()[:-400])
    elif content == "empty zip":
        zipfile.ZipFile(path, "w").close()
    elif content is not None:
        path.write_bytes(content)
    assert main(["verify", str(record), "--torch", str(path)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"error: {path} " in lines[0]


@pytest.mark.parametrize("write", [exported, scripted])
def test_a_program_with_a_damaged_middle_is_an_error_and_no_traceback(write, tmp_path):
    path = write(Net().eval(), tmp_path / "m.pt2")
    with zipfile.ZipFile(path) as archive:
        names = [n.partition("/")[2] for n in archive.namelist() if "archive_f" not in n]
    for name in names:
        if name.endswith((".json", ".pkl", "model.pt")):
            rewritten(write(Net().eval(), path), **{name: b"\x80damaged"})
            with pytest.raises(DataError, match="cannot be opened by PyTorch"):
                opened(path)
