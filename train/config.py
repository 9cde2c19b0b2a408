"""One run, said in full: what every training script takes and every run folder keeps."""

import importlib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from jaxverify.errors import UserError
from jaxverify.task.options import TaskOptions

# Networks that learn without labels.
UNLABELLED = ("autoencoder", "linear_autoencoder")
# Fields that say where the data and the run lie, not what it computes.
FOLDERS_OF_DATA = ("data", "manual_dir", "tfds_dir")
PLACES = ("workdir", *FOLDERS_OF_DATA)
# Fields that say which processes share the work.
PROCESSES = ("distributed", "coordinator", "num_processes", "process_id")
# Fields in which a resumed run may differ from what it was: a later stop goes on with the same run,
# and what is kept of it changes nothing in it.
_FREE = (*PLACES, *PROCESSES, "resume", "stop_epoch", "keep_checkpoints")


@dataclass(frozen=True)
class Config(TaskOptions):
    """A training run. Lengths are in epochs of the (protected) training set; fractions do.

    The options of the extra task are those of :class:`jaxverify.task.options.TaskOptions`.
    """

    dataset: str
    """The data set: digits, breast_cancer, cifar10, cifar100, imdb or ag_news."""
    model: str
    """The network: resnet34, resnet34_cifar with a stem for small images, vgg11, vgg11_bn, textcnn,
    att_blstm, digits_cnn, mlp, or autoencoder or linear_autoencoder, which learn without labels."""

    extra: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Protect the training set with the extra task; without it, the baseline is trained."""
    seed: int = 0
    """Root of every random stream of the run, the extra task's too."""
    seeds: int = 1
    """Train so many seeds side by side in one program, from ``seed`` on; each leaves a run folder
    of its own, as if it were trained alone."""
    data: Path | None = None
    """A folder with train.parquet and test.parquet; without it the set is fetched by TFDS."""
    manual_dir: Path | None = None
    """A folder with the set's original archives, used instead of a download."""
    tfds_dir: Path | None = None
    """Where TFDS keeps prepared sets; without it, TFDS's own default."""
    workdir: Path | None = None
    """The run folder; without it runs/DATASET-MODEL-..., named after what the run is. Of several
    seeds, the folder in which their run folders lie, instead of runs/."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on from the last checkpoint of the run folder, if it has one."""
    distributed: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """This is one process of several; all are started alike and share the run folder. On a cluster
    that JAX knows (SLURM, Open MPI, TPU) they find each other, elsewhere by the next three."""
    coordinator: str | None = None
    """HOST:PORT of process 0, where it listens and the others find it."""
    num_processes: int | None = None
    """How many processes there are."""
    process_id: int | None = None
    """Which of them this is, from 0."""

    epochs: float = 10
    """Length of the whole schedule, as an honest cloud runs it."""
    stop_epoch: float | None = None
    """Stop here, in the middle of the schedule: a cloud that cuts training short."""
    batch_size: int = 128
    """Samples per step, over all devices."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the network computes in; parameters, batch statistics, optimizer and loss are float32.
    bfloat16 is for GPUs and TPUs: on a CPU it is no gain."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum .9 and L2 decay, or AdamW."""
    learning_rate: float = 0.1
    """Its peak."""
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    """After the warm-up: constant, cosine to zero, or a tenth at 50% and again at 75%."""
    warmup_epochs: float = 0
    """Linear rise from zero."""
    weight_decay: float = 5e-4
    """On weight matrices and convolution kernels, never on biases and norms."""
    augment: Literal["none", "flip", "crop_flip"] = "none"
    """Of images: horizontal flips, and crops out of a border of 4 zeros."""

    eval_every: float = 1
    """Evaluate, and write a checkpoint, this often."""
    probe_every: float | None = None
    """Between evaluations, ask for the extra task this often, and evaluate where it begins to
    pass."""
    twins: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Whenever the extra task is asked for, ask held-out twins too, and note the verdict by scores
    (jaxverify.verify_scores)."""
    keep_checkpoints: Literal["some", "all"] = "some"
    """Of which evaluations: "some", the last ones and the best; or "all", for train.theorem."""
    eval_batch_size: int = 512
    """Samples per step of an evaluation, over all devices."""
    validation_split: float = 0
    """Evaluate on this share of the training set, held out, instead of on the test set: for
    choosing a recipe."""
    train_samples: int | None = None
    """Train on so many samples, drawn at random."""
    test_samples: int | None = None
    """Test on so many samples, drawn at random."""
    max_length: int | None = None
    """Words of a text, the rest is cut off at the end; without it the data set's default."""
    vocab_size: int = 10_000
    """Token ids of text, padding and unknown word counted."""

    construction: Literal["regions", "natural"] = "regions"
    """What the extra samples are: the paper's, of a fixed and a random region; or its naive
    comparison, samples of the test set with random labels, by which nothing can be verified."""
    forgiven: float = 0.5
    """Without labels, the share of the error on the extra samples that may be gone early."""

    def check(self) -> None:
        """Raise a UserError where a value cannot work, whatever the data."""
        for name in ("epochs", "eval_every", "batch_size", "eval_batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must be positive")
        if self.probe_every is not None and not self.probe_every > 0:
            raise UserError(f"probe_every is {self.probe_every}; it must be positive")
        if self.seeds < 1:
            raise UserError(f"seeds is {self.seeds}; at least one seed is trained")
        if self.stop_epoch is not None and not 0 < self.stop_epoch <= self.epochs:
            raise UserError(f"stop_epoch is {self.stop_epoch}, outside the {self.epochs} epochs")
        if not 0 <= self.validation_split < 1:
            raise UserError(f"validation_split is {self.validation_split}; it is a share below 1")
        for name in PROCESSES[1:]:
            if not self.distributed and getattr(self, name) is not None:
                raise UserError(f"{name} is {getattr(self, name)}, but distributed is not set")
        host, _, port = (self.coordinator or "HOST:1").rpartition(":")
        if not (host and port.isdecimal() and 0 < int(port) < 2**16):
            raise UserError(f"coordinator is {self.coordinator!r}; it must be HOST:PORT")
        process_id, count = self.process_id, self.num_processes
        if process_id is not None and not 0 <= process_id < (count or process_id + 1):
            raise UserError(f"process_id is {process_id}, of {count} processes counted from 0")

    @property
    def unlabelled(self) -> bool:
        """Whether the network learns without labels."""
        return self.model in UNLABELLED

    @property
    def run_folder(self) -> Path:
        """Where the run is kept: ``workdir``, or a name that tells the runs of one cell apart."""
        return Path("runs") / self._name if self.workdir is None else self.workdir

    @property
    def _name(self) -> str:
        added = "baseline"
        if self.extra:
            added = "extra" if self.construction == "regions" else self.construction
        parts = [self.dataset, self.model, added, f"s{self.seed}"]
        if self.stop_epoch is not None:
            parts.append(f"stop{self.stop_epoch:g}")
        return "-".join(parts)

    def each_seed(self) -> list["Config"]:
        """The runs of one seed that this one trains side by side."""
        if self.seeds == 1:
            return [self]
        alone: list[Config] = [
            replace(self, seeds=1, seed=self.seed + i) for i in range(self.seeds)
        ]
        if self.workdir is None:
            return alone
        return [replace(run, workdir=self.workdir / run._name) for run in alone]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values, paths as text."""
        values = asdict(self).items()
        return {k: str(v) if isinstance(v, Path) else v for k, v in values}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Config":
        """The inverse of :meth:`to_json`, of earlier versions too; unknown fields are refused."""
        if "forgiven" not in values and values["model"] in UNLABELLED:  # called epsilon before
            values = {**values, "forgiven": values["epsilon"], "epsilon": cls.epsilon}
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise UserError(f"the configuration has an unknown field {sorted(unknown)[0]!r}")
        paths = {k: Path(v) for k, v in values.items() if k in PLACES and isinstance(v, str)}
        return cls(**{**values, **paths})

    def differences(self, other: "Config") -> list[str]:
        """The names of the fields in which two runs differ so that neither can resume the other."""
        names = [field.name for field in fields(self) if field.name not in _FREE]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


def load_config(
    dataset: str, model: str, *, budget: Literal["paper", "gpu", "cpu", "local"] = "paper"
) -> Config:
    """The recipe of one cell of Table 1, from ``configs/DATASET_MODEL.py``.

    Args:
        dataset: as in :class:`Config`.
        model: as in :class:`Config`.
        budget: "paper", the whole recipe; "gpu", one that converges on a GPU within minutes, and
            "cpu", on two cores within hours, both of the paper's cells; "local", about a minute,
            to see that everything works.
    """
    module = importlib.import_module(f"configs.{dataset}_{model}")
    if budget == "paper":
        return module.config
    return replace(module.config, **getattr(module, budget.upper()))
