"""Scikit-learn's digits as a customer has them, protected: a table, and a tree of images."""

import csv

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from jaxverify.cli import main


def protected_table(folder):
    """Writes upload.csv, record.json and questions.csv; the label is the last column."""
    digits = load_digits()
    columns = [i for i in range(64) if digits.data[:, i].any()]
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"p{i}" for i in columns), "digit"])
        for row, label in zip(digits.data[:, columns].astype(int), digits.target, strict=True):
            writer.writerow([*row, f"d{label}"])
    return _protect(folder, "data.csv", "upload.csv", "questions.csv", "--label", "digit")


def protected_images(folder):
    """Writes upload/, record.json and questions/."""
    digits = load_digits()
    for i, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / "data" / f"d{label}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(path)
    return _protect(folder, "data", "upload", "questions")


def _protect(folder, data, upload, questions, *options):
    record = str(folder / "record.json")
    command = ["protect", str(folder / data), "--out", str(folder / upload), "--record", record]
    # At this alpha the model stopped early fails whatever the secret: no test is left to chance.
    size = ["--eta", "0.08", "--fixed-ratio", "0.5", "--alpha", "1e-6"]
    assert main([*command, *size, *options]) == 0
    assert main(["challenge", record, "--out", str(folder / questions)]) == 0
    return folder / upload, folder / questions
