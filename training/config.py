"""One YAML file is one training run: read, checked once, then frozen."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from training.errors import RunConfigError

__all__ = ["Augmentation", "FreshRenders", "RunConfig", "load_run", "parse_run", "with_overrides"]

_Section = TypeVar("_Section", "Augmentation", "FreshRenders", "RunConfig")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How training images vary; shares are probabilities for an image, 0..1.

    Attributes:
        mosaic: share of images made of four.
        close_mosaic: share of the run, at its end, that is trained without mosaics.
        scale: images are resized by 1 - scale .. 1 + scale.
        degrees: rotation, plus or minus.
        translate: shift, share of the side, plus or minus.
        shear: degrees, plus or minus.
        fliplr: share mirrored left to right.
        flipud: share mirrored top to bottom.
        hsv_h: hue, share of the circle, plus or minus.
        hsv_s: saturation, relative, plus or minus.
        hsv_v: value, relative, plus or minus.
        grey: share turned grey.
        gamma: share with another gamma.
        contrast: share with another brightness and contrast.
        noise: share with more grain.
        sharpen: share sharpened.
        blur: share blurred.
        jpeg: share compressed.
    """

    mosaic: float = 0.5
    close_mosaic: float = 0.15
    scale: float = 0.5
    degrees: float = 10.0
    translate: float = 0.1
    shear: float = 0.0
    fliplr: float = 0.5
    flipud: float = 0.5
    hsv_h: float = 0.02
    hsv_s: float = 0.5
    hsv_v: float = 0.3
    grey: float = 0.1
    gamma: float = 0.15
    contrast: float = 0.15
    noise: float = 0.1
    sharpen: float = 0.05
    blur: float = 0.05
    jpeg: float = 0.1


@dataclass(frozen=True, slots=True)
class FreshRenders:
    """Parcels rendered beside the training, so that it never runs out of new ones; see `training.fresh`.

    Attributes:
        recipe: of the renders; a shipped one or a YAML file.
        parcels: in a batch; training begins with the first one and moves on to the next when it is rendered.
        share: of the images of an epoch.
        seed: of the first batch; each batch has its own.
        jobs: processes that render.
    """

    recipe: str = "train"
    parcels: int = 1000
    share: float = 0.5
    seed: int = 0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One training run. Paths are relative to the working directory.

    Attributes:
        name: of the model, such as "parcelray-nano".
        catalogues: folder of each catalogue -> how often its images are drawn, relative to the others; None for all
            of them: by the number of their images, which is what a plain list of folders means. Trained on are the
            train splits, validated is on the val splits together.
        fresh: renders made during the training; None: none.
        out: folder of the run: checkpoints, logs, plots.
        model: network, such as "yolo11n" or "yolo26n"; the letter is the size.
        weights: own checkpoint to start from; None starts from random weights.
        imgsz: side of the square that the network sees, pixels, a multiple of 32.
        smallest_imgsz: each batch is shrunk to a random side between this and `imgsz`; equal to `imgsz`: never.
        epochs: how many; give this or `hours`.
        hours: how long, wall clock; the learning rate and the end of mosaics follow the clock.
        epoch_images: images an epoch, drawn without repeating before all were seen; 0: all of them. An epoch is the
            unit of checkpoints: at most one is lost when the process is killed.
        batch: images a step.
        nbs: images an optimiser step; gradients of nbs / batch steps are added up.
        optimiser: "SGD", "AdamW" or "MuSGD".
        lr0: learning rate after the warm-up.
        lrf: last learning rate, share of lr0.
        cos: cosine instead of linear decay.
        warmup_epochs: epochs over which the learning rate rises.
        momentum: of SGD, or beta1 of AdamW.
        weight_decay: of convolution weights.
        class_balance: 0: every label weighs the same; towards 1: rare labels weigh more.
        augmentation: how images vary.
        seed: of everything random.
        val_every: epochs between validations.
        val_images: validation looks at this many images at most, spread over the split.
        device: "auto", "cpu", the number of a GPU, or several separated by commas: see `training.ranks`.
        threads: CPU threads of the network.
        workers: processes that prepare images; 0: none, the training process does it.
        bf16: forward and backward pass in bfloat16, loss in float32.
        cache_ram: keep the resized images in memory.
        nice: lower the priority of the process by this much.
        plots: draw curves and sample batches into `out`.
        allow_research_only: the user states that he may train on research-only images; never for a released model.
    """

    name: str
    catalogues: Mapping[str, float | None]
    out: str
    fresh: FreshRenders | None = None
    model: str = "yolo11n"
    weights: str | None = None
    imgsz: int = 320
    smallest_imgsz: int = 0
    epochs: int | None = None
    hours: float | None = None
    epoch_images: int = 0
    batch: int = 16
    nbs: int = 16
    optimiser: Literal["SGD", "AdamW", "MuSGD"] = "AdamW"
    lr0: float = 0.001
    lrf: float = 0.01
    cos: bool = True
    warmup_epochs: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0005
    class_balance: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    val_every: int = 4
    val_images: int = 500
    device: str = "auto"
    threads: int = 2
    workers: int = 1
    bf16: bool = True
    cache_ram: bool = True
    nice: int = 0
    plots: bool = True
    allow_research_only: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return what `parse_run` takes, for the run's folder and the model's card."""
        weighed = all(weight is not None for weight in self.catalogues.values())
        return {**asdict(self), "catalogues": dict(self.catalogues) if weighed else list(self.catalogues)}


# Lowest and highest value of a number.
_RANGES: Final[dict[str, tuple[float, float]]] = {
    **{
        item.name: (0.0, 1.0)
        for item in fields(Augmentation)
        if item.name not in {"degrees", "shear", "scale", "close_mosaic"}
    },
    "close_mosaic": (0.0, 0.9),
    "scale": (0.0, 0.95),
    "degrees": (0.0, 180.0),
    "shear": (0.0, 45.0),
    "imgsz": (64, 2048),
    "smallest_imgsz": (0, 2048),
    "epochs": (1, 100_000),
    "hours": (0.001, 1000.0),
    "epoch_images": (0, 10_000_000),
    "batch": (2, 1024),
    "nbs": (2, 4096),
    "lr0": (1e-7, 1.0),
    "lrf": (1e-6, 1.0),
    "warmup_epochs": (0.0, 100.0),
    "momentum": (0.0, 0.999),
    "weight_decay": (0.0, 1.0),
    "class_balance": (0.0, 1.0),
    "seed": (0, 2**31 - 1),
    "val_every": (1, 100_000),
    "val_images": (1, 10_000_000),
    "threads": (1, 256),
    "workers": (0, 64),
    "nice": (0, 19),
    "weight": (1e-6, 1e6),
    "parcels": (1, 10_000_000),
    "share": (0.01, 0.99),
    "jobs": (1, 256),
}


def load_run(path: Path | str) -> RunConfig:
    """Read the YAML file of a run.

    Raises:
        RunConfigError: it cannot be read, or something in it is wrong.
    """
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunConfigError(f"{path}: cannot be read as YAML: {error}") from error
    return parse_run(document, str(path))


def parse_run(document: object, where: str = "run") -> RunConfig:
    """Check the document of a run.

    Raises:
        RunConfigError: a key is unknown or missing, a value has the wrong type or is out of range.
    """
    run = _section(RunConfig, document, where)
    if (run.epochs is None) == (run.hours is None):
        raise RunConfigError(f"{where}: expected either 'epochs' or 'hours'")
    if not run.catalogues:
        raise RunConfigError(f"{where}: expected at least one folder in 'catalogues'")
    for key in ("imgsz", "smallest_imgsz"):
        if getattr(run, key) % 32:
            raise RunConfigError(f"{where}: expected a multiple of 32 for {key!r}, got {getattr(run, key)}")
    if run.smallest_imgsz > run.imgsz or 0 < run.smallest_imgsz < 64:
        raise RunConfigError(f"{where}: expected 'smallest_imgsz' in 64..{run.imgsz}, got {run.smallest_imgsz}")
    devices = run.device.split(",")
    if not (run.device in {"auto", "cpu"} or set(devices) == {"cpu"} or all(one.isdigit() for one in devices)):
        raise RunConfigError(
            f"{where}: expected auto, cpu, or numbers of GPUs such as 0,1 for 'device', got {run.device!r}"
        )
    if len(devices) > 1 and (run.fresh is not None or run.batch % len(devices)):
        raise RunConfigError(
            f"{where}: on {len(devices)} devices expected a 'batch' that they can share evenly, and no 'fresh' renders"
        )
    if run.nbs % run.batch:
        raise RunConfigError(f"{where}: expected 'nbs' to be a multiple of 'batch' ({run.batch}), got {run.nbs}")
    return run if run.smallest_imgsz else replace(run, smallest_imgsz=run.imgsz)


def with_overrides(run: RunConfig, **values: object) -> RunConfig:
    """Return the run with other values, checked like the file's; None leaves the file's value.

    An `epochs` takes the place of `hours` and the other way round.
    """
    changes = {key: value for key, value in values.items() if value is not None}
    if "epochs" in changes and "hours" not in changes:
        changes["hours"] = None
    if "hours" in changes and "epochs" not in changes:
        changes["epochs"] = None
    return parse_run({**run.as_dict(), **changes}, "run with the options given")


def _section(kind: type[_Section], document: object, where: str) -> _Section:
    if not isinstance(document, Mapping):
        raise RunConfigError(f"{where}: expected keys and values, got {type(document).__name__}")
    hints = get_type_hints(kind)
    for key in document:
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(hints)}"
            raise RunConfigError(f"{where}: unknown key {key!r}{hint}")
    values = {key: _value(hints[key], value, key, where) for key, value in document.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise RunConfigError(f"{where}: {str(error).split('__init__() ')[-1]}") from error


def _value(hint: Any, value: object, key: str, where: str) -> Any:  # noqa: ANN401 - as typed as YAML is
    if key == "catalogues":
        return _catalogues(value, where)
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        if value is None:
            return None
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
        origin = get_origin(hint)
    if hint in {Augmentation, FreshRenders}:
        return _section(hint, value, f"{where}: {key}")
    if origin is Literal:
        if value not in get_args(hint):
            raise RunConfigError(f"{where}: expected one of {', '.join(get_args(hint))} for {key!r}, got {value!r}")
        return value
    return _scalar(hint, value, key, where)


def _catalogues(value: object, where: str) -> dict[str, float | None]:
    if isinstance(value, Mapping):
        weights = {str(folder): _scalar(float, weight, "weight", where) for folder, weight in value.items()}
        return {folder: float(str(weight)) for folder, weight in weights.items()}
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise RunConfigError(
            f"{where}: expected a list of folders, or folder: weight pairs, for 'catalogues', got {value!r}"
        )
    return dict.fromkeys(value)


def _scalar(kind: type, value: object, key: str, where: str) -> object:
    if kind is float and type(value) is int:
        value = float(value)
    if kind is str and key == "device" and type(value) is int:
        value = str(value)
    if type(value) is not kind:
        raise RunConfigError(f"{where}: expected {kind.__name__} for {key!r}, got {value!r}")
    if key in _RANGES and isinstance(value, int | float):
        low, high = _RANGES[key]
        if not low <= value <= high:  # NaN fails too
            raise RunConfigError(f"{where}: expected {low:g}..{high:g} for {key!r}, got {value!r}")
    return value
