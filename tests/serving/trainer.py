"""A cloud's training job: plain PyTorch, which knows nothing of where its data come from.

    python trainer.py DATA --out FOLDER --epochs N

DATA is a CSV file whose last column is the label, or a folder with one folder of grey images for
each class. FOLDER gets the model in three formats, the names of its classes and of its columns, and
its answers to --questions, a file or a folder likewise, but with ids for labels.
"""

import argparse
import csv
import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn


def decode(content):
    """A grey image as a network takes it: [1, h, w], from 0 to 1."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L"), np.float32)[None] / 255


def read(path):
    """Samples, what names each (its label, or its id), and whether they are images."""
    if path.is_dir():
        files = sorted(path.rglob("*.png"))
        labelled = any(each.is_dir() for each in path.iterdir())
        names = [file.parent.name if labelled else file.stem for file in files]
        return np.stack([decode(file.read_bytes()) for file in files]), names
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    named_by = header.index("id") if "id" in header else len(header) - 1
    names = [row.pop(named_by) for row in rows]
    return np.array(rows, np.float32), names


class Sixteenth(nn.Module):
    """Brings the columns, which go up to 16, to the range that suits a network."""

    def forward(self, x):
        return x / 16


def network(sample, classes):
    if sample.ndim == 1:
        head = [Sixteenth(), nn.Linear(len(sample), 512)]
    else:
        width = 16 * sample.shape[1] * sample.shape[2]
        head = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(width, 256)]
    return nn.Sequential(*head, nn.ReLU(), nn.Linear(head[-1].out_features, classes))


def train(model, x, y, epochs):
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model.eval()


def export(model, sample, out):
    shapes = ({0: torch.export.Dim("n")},)
    program = torch.export.export(model, (sample,), dynamic_shapes=shapes)
    torch.export.save(program, out / "model.pt2")
    torch.jit.trace(model, sample).save(out / "model.pt")
    names = {"input_names": ["x"], "output_names": ["scores"]}
    torch.onnx.export(program, (), out / "model.onnx", external_data=False, verbose=False, **names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--questions", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, labels = read(options.data)
    classes = list(dict.fromkeys(labels))  # in the order in which they are met
    y = torch.tensor([classes.index(label) for label in labels])
    model = train(network(x[0], len(classes)), torch.from_numpy(x), y, options.epochs)
    options.out.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export(model, torch.from_numpy(x[:2]), options.out)
    (options.out / "classes.json").write_text(json.dumps(classes))
    if options.data.is_file():
        columns = options.data.read_text().partition("\n")[0].split(",")[:-1]
        (options.out / "columns.json").write_text(json.dumps([c.strip('"') for c in columns]))
    asked, ids = read(options.questions)
    with torch.inference_mode():
        answers = [classes[i] for i in model(torch.from_numpy(asked)).argmax(1)]
    with (options.out / "answers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "label"), *zip(ids, answers, strict=True)])


if __name__ == "__main__":
    main()
