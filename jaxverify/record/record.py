"""The customer's record of an extra task: the secret, and all that verification needs besides."""

import hashlib
import json
import secrets
import stat
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jaxverify import keys, stats
from jaxverify.errors import DataError, UserError
from jaxverify.files.whole import new_file
from jaxverify.record.stored import read_stored
from jaxverify.rendering import Rendering, rendering_from_json
from jaxverify.task.doses import ONCE, Doses, doses_of
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import generate
from jaxverify.task.samples import Samples
from jaxverify.verification.families import Family
from jaxverify.verification.families import family as named_family

FORMAT, VERSION = "jaxverify record", 1
_PACKAGES = ("jax", "jaxlib", "numpy", "pillow")
_BYTES = 32
_CHECKSUM = "commitment"
_LATER = {"placement": "corner", "num_fixed": 1}  # of a task whose record does not name them
_MOST = 2**24  # of samples, classes, words and features: beyond, a record is damaged, not large


@dataclass(frozen=True)
class Record:
    """What the customer keeps, and shows to nobody before the model is verified.

    Attributes:
        secret: 32 bytes, from which every key is derived; not in ``repr``.
        salt: 32 bytes, so that nobody can try contents against a published commitment; not in
            ``repr``.
        task: the extra task.
        rendering: how its samples were written.
        columns: of the features, as the data name them.
        class_names: of the labels as they stand in the data, in the order of the indices.
        alpha: α that was planned for.
        epsilon: ε that was planned for.
        fingerprint: SHA-256 of the generated samples: values of ``jax.random`` are not promised
            to be the same in every version of JAX.
        created: when, in UTC.
        versions: of the packages that drew and wrote the samples.
        doses: how often samples stand in the upload; the paper's are there once.
        finished_share: of those of the highest dose, what finished models knew at home at least;
            None where none was trained there.
        family: of the model, as the customer says.
    """

    secret: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    task: ExtraTask
    rendering: Rendering
    columns: tuple[str, ...]
    class_names: tuple[str, ...]
    alpha: float
    epsilon: float
    fingerprint: str
    created: str
    versions: dict[str, str]
    doses: Doses = ONCE
    finished_share: float | None = None
    family: Family = "unknown"

    @property
    def key(self) -> jax.Array:
        """The key of the extra task, as :func:`jaxverify.verify` takes it."""
        return keys.from_secret(self.secret, "extra task")

    def stream(self, name: str) -> jax.Array:
        """The key of another stream, such as "mixing"."""
        return keys.from_secret(self.secret, name)

    def samples(self) -> Samples:
        """The extra samples, on the host, read-only; drawn once for several calls.

        Raises:
            UserError: if this JAX draws others than those that were uploaded.
        """
        found = _generate(self.secret, self.task)
        if _fingerprint(found) != self.fingerprint:
            made = ", ".join(f"{name} {number}" for name, number in self.versions.items())
            raise UserError(
                "the extra samples drawn here are not those that were uploaded, so nothing can be "
                f"verified: install what drew them ({made})"
            )
        return found

    def doses_of_samples(self) -> Int[np.ndarray, " n"]:
        """How often each extra sample stands in the upload."""
        return doses_of(self.key, self.task, self.doses)

    @property
    def judged_task(self) -> ExtraTask:
        """The task of those samples alone that stand in the upload."""
        given = self.task.num_samples * sum(map(bool, self.doses.levels)) // len(self.doses.levels)
        return replace(self.task, num_samples=given)

    def commitment(self) -> str:
        """SHA-256 of the whole record, in hexadecimal: it can be published at once.

        Guarantee: it tells nothing of the record, and no other record has the same; who publishes
        it before the model is there can show later that the record was not made up afterwards.
        """
        return hashlib.sha256(_canonical(self.to_json()).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values, secrets and all."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "secret": self.secret.hex(),
            "salt": self.salt.hex(),
            **self.without_secrets(),
        }

    def without_secrets(self) -> dict[str, Any]:
        """Plain values that help nobody to find the samples."""
        return {
            "task": _task_to_json(self.task),
            "rendering": self.rendering.to_json(),
            "columns": list(self.columns),
            "class_names": list(self.class_names),
            "alpha": self.alpha,
            "epsilon": self.epsilon,
            "fingerprint": self.fingerprint,
            "created": self.created,
            "versions": self.versions,
            **({} if self.doses == ONCE else {"doses": list(self.doses.levels)}),
            **({} if self.finished_share is None else {"finished_share": self.finished_share}),
            **({} if self.family == "unknown" else {"family": self.family}),
        }


def new_record(
    task: ExtraTask,
    rendering: Rendering,
    columns: tuple[str, ...],
    class_names: tuple[str, ...],
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    secret: bytes | None = None,
    doses: Doses = ONCE,
    finished_share: float | None = None,
    family: Family = "unknown",
) -> Record:
    """A record with a new secret from the operating system, or with ``secret``.

    Raises:
        UserError: if the parts do not belong together.
    """
    secret = secrets.token_bytes(_BYTES) if secret is None else secret
    record = Record(
        secret=secret,
        salt=secrets.token_bytes(_BYTES),
        task=task,
        rendering=rendering,
        columns=columns,
        class_names=class_names,
        alpha=float(alpha),
        epsilon=float(epsilon),
        fingerprint=_fingerprint(_generate(secret, task)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in _PACKAGES},
        doses=doses,
        finished_share=finished_share,
        family=family,
    )
    _check(record)
    return record


def save(record: Record, path: Path) -> None:
    """Write a new file that its owner alone can read.

    Raises:
        UserError: if there is a file already, or it cannot be written.

    Guarantee: the file is whole or not there, of mode 0600, and never replaces another.
    """
    value = {**record.to_json(), _CHECKSUM: record.commitment()}
    content = json.dumps(value, indent=1, allow_nan=False) + "\n"
    if path.exists():
        raise UserError(f"{path} exists: a record is never replaced; choose another name")
    with new_file(path, mode=0o600) as file:
        file.write(content.encode())


def load(path: Path) -> Record:
    """Read a record.

    Raises:
        DataError: if it is missing, damaged, or of another version, saying which field is at fault
            and never what stands in it.

    Guarantee: a record that was changed after it was saved is an error, whichever field it is;
    records of earlier versions, which do not hold their commitment, are taken as they stand.
    """
    value = read_stored(path, "record", format=FORMAT, version=VERSION)
    checksum = value.pop(_CHECKSUM, None)
    record = _from_json(value, path)
    if checksum not in (None, record.commitment()):
        raise DataError(
            f"{path} is not a sound record: it was changed after it was made, as its commitment "
            "shows"
        )
    return record


def is_private(path: Path) -> bool:
    """Whether its owner alone may read the file."""
    return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _from_json(value: dict[str, Any], path: Path) -> Record:
    read = {
        "secret": _secret,
        "salt": _secret,
        "task": _task,
        "rendering": rendering_from_json,
        "columns": lambda names: tuple(map(_text, names)),
        "class_names": lambda names: tuple(map(_text, names)),
        "alpha": _number,
        "epsilon": _number,
        "fingerprint": _text,
        "created": _text,
        "versions": lambda versions: {_text(k): _text(v) for k, v in versions.items()},
    }
    if "doses" in value:  # records without it have each sample once
        read["doses"] = _doses
    if "finished_share" in value:
        read["finished_share"] = _number
    if "family" in value:
        read["family"] = lambda name: named_family(_text(name))
    unknown = sorted(set(value) - set(read) - {"format", "version"})
    if unknown:
        raise DataError(f"{path} is not a sound record: it has an unknown field {unknown[0]!r}")
    fields = {}
    for name, convert in read.items():
        if name not in value:
            raise DataError(f"{path} is not a sound record: {name} is missing")
        try:
            fields[name] = convert(value[name])
        except Exception as error:  # whatever a wrong type or value leads to
            raise DataError(f"{path} is not a sound record: {name} is damaged") from error
    record = Record(**fields)
    try:
        _check(record)
    except UserError as error:
        raise DataError(f"{path} is not a sound record: {error}") from error
    return record


def _check(record: Record) -> None:
    """Raise where the parts of a record do not belong together."""
    task, rendering = record.task, record.rendering
    if task.kind != rendering.kind:
        raise UserError(f"a task of kind {task.kind} is rendered as {rendering.kind}")
    sizes = {
        "text": lambda: (task.vocab_size or 0) - 2 == len(getattr(rendering, "vocabulary", ())),
        "image": lambda: task.shape[2] == getattr(rendering, "channels", 0),
        "vector": lambda: task.shape[0] == len(getattr(rendering, "columns", ())),
    }
    if not sizes[task.kind]():
        raise UserError(f"the rendering does not fit samples of shape {task.shape}")
    if len(record.columns) != (task.shape[0] if task.kind == "vector" else 1):
        raise UserError(f"{len(record.columns)} columns do not fit samples of shape {task.shape}")
    unit = task.num_classes * len(record.doses.levels)
    if record.doses != ONCE and task.labels == "balanced" and task.num_samples % unit:
        raise UserError(
            f"{task.num_samples} samples are not dealt out evenly: with these doses and classes "
            f"their number is a multiple of {unit}"
        )
    if record.finished_share is not None and not 0 < record.finished_share <= 1:
        raise UserError(f"finished_share is {record.finished_share}; it is a share above 0")
    names = record.class_names
    if len(names) != task.num_classes or len(set(names)) != len(names):
        raise UserError(f"{task.num_classes} different class names are wanted, not {len(names)}")
    stats.threshold(task.num_samples, task.num_classes, record.alpha, record.epsilon, task.labels)


@lru_cache(maxsize=1)  # a command asks for the samples of one record, at several places
def _generate(secret: bytes, task: ExtraTask) -> Samples:
    """The extra samples, read-only, as all callers share them."""
    drawn = Samples(*map(np.array, _draw(keys.from_secret(secret, "extra task"), task)))
    for array in map(np.asarray, drawn):
        array.setflags(write=False)
    return drawn


# Drawn once: to optimise the program would take longer than to run it, and changes no value.
_draw = jax.jit(
    generate,
    static_argnames="task",
    compiler_options={"xla_backend_optimization_level": 0},
)


def _fingerprint(samples: Samples) -> str:
    digest = hashlib.sha256()
    for array in map(np.asarray, samples):
        digest.update(f"{array.dtype.newbyteorder('<')}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _canonical(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _task_to_json(task: ExtraTask) -> dict[str, Any]:
    """A record made before a field was there has the commitment that it had."""
    return {k: v for k, v in asdict(task).items() if k not in _LATER or v != _LATER[k]}


def _task(value: dict[str, Any]) -> ExtraTask:
    value = _LATER | value
    whole = [value["num_classes"], value["num_samples"], value["num_fixed"], *value["shape"]]
    if value["vocab_size"] is not None:
        whole.append(value["vocab_size"])
    if not all(type(number) is int and 0 < number <= _MOST for number in whole):
        raise ValueError
    _number(value["fixed_ratio"])
    return ExtraTask(**{**value, "shape": tuple(value["shape"])})


def _doses(value: Any) -> Doses:
    if not isinstance(value, list) or not all(type(level) is int for level in value):
        raise TypeError
    return Doses(tuple(value))


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _secret(value: Any) -> bytes:
    secret = bytes.fromhex(value)
    if len(secret) != _BYTES:
        raise ValueError
    return secret


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
