"""A rehearsal by a network of ours, on rows drawn at random from the customer's data."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jaxverify import keys
from jaxverify.errors import DataError
from jaxverify.files.json_file import read_json
from jaxverify.files.whole import new_file, write_whole
from jaxverify.protect.arrays import feature_array, label_indices
from jaxverify.protect.features import Features, find_features
from jaxverify.protect.opening import open_rows
from jaxverify.protect.survey import survey
from jaxverify.record.plan import num_samples_for
from jaxverify.rehearsal.asking import train_and_ask
from jaxverify.rehearsal.checkpoints import Checkpoint
from jaxverify.rehearsal.setting import SECRET, claim, fingerprint
from jaxverify.task.constructions import construction
from jaxverify.task.doses import Doses, copies, doses_of
from jaxverify.task.extra_task import ExtraTask, Kind
from jaxverify.task.generation import generate
from jaxverify.task.options import TaskOptions
from jaxverify.task.samples import Samples
from jaxverify.training.recipe import Recipe

_HELD_OUT = 0.2  # of the rows, by which a network's quality is measured


@dataclass(frozen=True)
class HomeData:
    """A part of the customer's data as arrays, and what is known of all of it.

    Attributes:
        train: rows to train on.
        held_out: rows to measure a quality by.
        features: what the columns hold.
        class_names: of the labels.
        num_rows: of all the data.
    """

    train: Samples
    held_out: Samples
    features: Features
    class_names: tuple[str, ...]
    num_rows: int


def read_home_data(
    data: Path,
    most_rows: int,
    *,
    label: str | None = None,
    kind: Kind | None = None,
    features: Sequence[str] = (),
) -> HomeData:
    """Draw rows at random, the same ones each time.

    Args:
        data: as protect reads it.
        most_rows: how many are drawn.
        label: as protect takes it.
        kind: as protect takes it.
        features: as protect takes them.

    Raises:
        DataError: as :func:`jaxverify.protect.protect` does.
    """
    rows, rng = open_rows(data), np.random.default_rng(0)
    seen = survey(rows, rows.tables(), label, rng, size=most_rows)
    layout = find_features(seen, kind, features or rows.features)
    columns = {name: seen.sample.column(name) for name in layout.columns}
    every = Samples(
        feature_array(layout, columns), label_indices(seen, seen.sample.column(seen.label))
    )
    order = rng.permutation(len(every.labels))
    held_out, train = np.split(order, [round(_HELD_OUT * len(order))])
    if not len(held_out):
        raise DataError(f"{data} has {len(order)} rows: too few to hold some out")
    return HomeData(
        Samples(*(x[train] for x in every)),
        Samples(*(x[held_out] for x in every)),
        layout,
        seen.class_names,
        seen.num_rows,
    )


@dataclass(frozen=True)
class HomeTask:
    """An extra task at home.

    Attributes:
        name: of its construction.
        task: its description.
        options: that it follows from.
        doses: of each sample.
        asked: the samples, as the network reads them.
        copies: what is mixed into the training set.
    """

    name: str
    task: ExtraTask
    options: TaskOptions
    doses: Int[np.ndarray, " n"]
    asked: Samples
    copies: Samples


def home_task(
    home: HomeData, secret: bytes, name: str, options: TaskOptions, doses: Doses
) -> HomeTask:
    """Draw the extra task of a construction, and read it as the customer's rows are read.

    Args:
        home: the data.
        secret: 32 bytes, another one than the record's will be.
        name: of the construction.
        options: of the extra task; construction and kind decide on generator and fixed region.
        doses: of its samples.

    Raises:
        UserError: if there is no such construction, or the task does not fit the data.
    """
    layout, num_classes = home.features, len(home.class_names)
    options = construction(layout.kind, name).of(options)
    task = ExtraTask(
        kind=layout.kind,
        shape=layout.shape,
        num_classes=num_classes,
        num_samples=num_samples_for(options, num_classes, len(home.train.labels), doses),
        vocab_size=layout.vocab_size,
        **options.of_task(layout.kind),
    )
    key = keys.from_secret(secret, f"rehearsal of {name}")

    def read(samples: Samples) -> Samples:
        values = layout.values(np.asarray(samples.features))
        return Samples(feature_array(layout, values), np.asarray(samples.labels))

    return HomeTask(
        name,
        task,
        options,
        doses_of(key, task, doses),
        read(generate(key, task)),
        read(copies(key, task, doses).samples),
    )


@dataclass(frozen=True)
class NetworkRehearsal:
    """A folder in which a rehearsal by a network is kept, so that it goes on where it was stopped.

    Attributes:
        folder: holds its setting, its secret, and a file for each training.
        recipe: of the training.
    """

    folder: Path
    recipe: Recipe

    def secret(self, data: Path, setting: dict[str, Any]) -> bytes:
        """What the extra tasks of this folder are drawn from.

        Args:
            data: the customer's.
            setting: whatever else the rehearsal depends on, as plain values.

        Raises:
            UserError: if the folder holds a rehearsal of other data, by another recipe, or of
                another setting.
        """
        claim(self.folder, {"data": fingerprint(data), "recipe": asdict(self.recipe), **setting})
        place = self.folder / SECRET
        if not place.exists():
            with new_file(place, mode=0o600) as file:
                file.write(secrets.token_bytes(32).hex().encode())
        return bytes.fromhex(place.read_text())

    def train(
        self,
        home: HomeData,
        extra: HomeTask,
        seed: int,
        progress: Callable[[int, float], Any] = lambda epoch, quality: None,
    ) -> list[Checkpoint]:
        """Train a network for a seed, unless that is done.

        Args:
            home: the data.
            extra: its copies are mixed into the training rows, and its samples asked.
            seed: of the training.
            progress: called with the epochs done and the quality.

        Guarantee: what :func:`jaxverify.rehearsal.asking.train_and_ask` gives; what is done is
        read back.
        """
        place = self.folder / f"{extra.name}-seed{seed}.json"
        if not place.exists():
            key = keys.stream(jax.random.key(seed), "rehearsal")
            pairs = zip(home.train, extra.copies, strict=True)
            checkpoints = train_and_ask(
                self.recipe,
                Samples(*(np.concatenate(pair) for pair in pairs)),
                home.held_out,
                extra.asked,
                len(home.class_names),
                home.features.vocab_size,
                key,
                seed,
                progress,
            )
            content = json.dumps([_to_json(each) for each in checkpoints], indent=1)
            write_whole(place, (content + "\n").encode())
        try:
            return [_from_json(each, seed) for each in read_json(place)]
        except (KeyError, TypeError) as error:
            raise DataError(f"{place} is damaged: remove it, to train this seed anew") from error


def _to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    right = "".join(map(str, checkpoint.right.astype(int)))
    kept = ("name", "quality", "share", "is_last")
    return {**{name: getattr(checkpoint, name) for name in kept}, "right": right}


def _from_json(value: dict[str, Any], seed: int) -> Checkpoint:
    right = np.array([mark == "1" for mark in value["right"]])
    return Checkpoint(seed=seed, **{**value, "right": right})
