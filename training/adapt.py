"""Fits a model to one scanner of which only benign scans are known, step by step, each kept when it is done.

The scans are split by parcel. Rendered threats are laid into those that are trained on and, some of other phantom
families, into those that are held back. The network learns from insertions, plain scans and replayed renders together,
so that it does not forget. Thresholds are chosen on plain scans that nothing else saw; `adapt_report`
measures the rest.

    OUT/adapt.json          settings, files left out, how many scans are for what
    OUT/site                the scans as a catalogue: train, val (thresholds), test (held back)
    OUT/look.json           how the scanner shows what it measures, estimated
    OUT/inserted            rendered threats in scans of train and val
    OUT/held-back           rendered firearms, partly of other families, in scans of test
    OUT/replay              renders to train on; OUT/forgetting: renders of other families to measure on
    OUT/run                 the training
    OUT/model.onnx          the adapted model
    OUT/adaptation.json     the report, also as report.html
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from datasets.catalogue import Catalogue, CatalogueInfo, write_atomically, write_catalogue
from datasets.compositing.benign import Benign
from datasets.compositing.estimate import ENOUGH_SCANS, estimate_look
from datasets.compositing.job import InsertOptions, insert_into_catalogue
from datasets.compositing.look import Look
from datasets.merge import copy_image
from datasets.records import Split
from datasets.render.bodies import medical_views
from datasets.render.job import render_catalogue
from datasets.render.recipe import Recipe
from datasets.split import split_records
from detector.detector import SHIPPED_FLOAT32, Detector
from detector.familiarity import Familiarity
from detector.images import decode
from detector.model_card import ModelCard
from detector.taxonomy import LABELS, Group, group_of
from training.config import RunConfig, parse_run
from training.errors import TrainingError
from training.export import export
from training.looking import look_at_catalogue
from training.model_file import ExportOptions, Say, in_memory, without_card, write_model
from training.operating_point import choose_points
from training.train import is_finished, is_started, train

__all__ = ["REPORT", "SHARES", "AdaptOptions", "Progress", "adapt"]

Progress = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]
REPORT: Final = "adaptation.json"
SHARES: Final = {"insertions": 0.5, "benign scans": 0.2, "replayed renders": 0.3}
_STATE: Final = "adapt.json"
_SPLIT: Final = (0.45, 0.3, 0.25)
_FIREARMS: Final = tuple(label for label in LABELS if group_of(label) is Group.FIREARM)
_HELD_BACK_A_SCAN: Final = 4
_SEEDS: Final = {"inserted": 1, "held-back": 2, "replay": 3, "forgetting": 4}
_EPOCH_IMAGES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptOptions:
    """What to adapt to, and how.

    Attributes:
        benign: scans without a threat: folder of images, or catalogue.
        model: exported model to start from, which says looks, input size and calibration of scores; None: the
            shipped one in float32, which the weights belong to.
        weights: the same network's weights.
        scanner: name; that of the folder where it is left empty.
        licence: of a folder's images.
        pixel_mm: least and largest size of a pixel at the parcel, where it is known.
        minutes: of training.
        insertions: images with threats to train on.
        renders: images to replay; half as many others measure what was forgotten.
        replay: a catalogue to replay instead.
        imgsz: largest side that is trained at, pixels.
        jobs: processes, or threads. It may differ between calls; all else may not.
    """

    benign: Path
    model: Path | None = None
    weights: Path = field(default=Path(__file__).with_name("weights") / "parcelray-nano.pt")
    scanner: str = ""
    licence: str = "own"
    pixel_mm: tuple[float, float] | None = None
    minutes: float = 45.0
    insertions: int = 600
    renders: int = 300
    replay: Path | None = None
    imgsz: int = 448
    jobs: int = 2

    def as_dict(self) -> dict[str, Any]:
        """Return what must stay the same when a half-done adaptation goes on."""
        values = {key: value for key, value in asdict(self).items() if key != "jobs"}
        values = {key: str(value.resolve()) if isinstance(value, Path) else value for key, value in values.items()}
        return {**values, "pixel_mm": list(self.pixel_mm) if self.pixel_mm else None}


def adapt(out: Path, options: AdaptOptions, say: Say, progress: Progress) -> bool:
    """Go through the steps that are not done yet; False where the training was asked to stop before its end.

    Raises:
        TrainingError: `out` holds something else, or there are too few scans.
        ParcelRayError: a step cannot be done; what was done before is kept.
    """
    if min(options.insertions, options.renders // 2, options.jobs) < 1:
        raise TrainingError("expected at least 1 for --insertions and --jobs, and at least 2 for --renders")
    shipped = Detector.load(options.model or SHIPPED_FLOAT32)
    if not options.weights.is_file():
        raise TrainingError(f"{options.weights}: no such file; give the weights of the model with --weights")
    run = _run(out, options, shipped.card)
    state = _claim(out, options)

    say(f"step 1 of 6: the scans of {options.benign}")
    site = _import(out, options, state, say)
    counts = {split: len(site.images(split)) for split in ("train", "val", "test")}
    say("  {train} to train on, {val} to choose thresholds on, {test} held back".format(**counts))
    run = replace(run, model=_network_of(options.weights))
    say("step 2 of 6: look of the scanner, and rendered threats in its scans")
    look = _look(out, site, options, progress)
    recipes = {"replay": Recipe.load("train"), "forgetting": Recipe.load("test")}
    tested = recipes["forgetting"].families
    learned = InsertOptions(
        count=options.insertions, look=look, seed=_SEEDS["inserted"], families=_all_families_but(tested)
    )
    held = min(_HELD_BACK_A_SCAN * counts["test"], options.insertions)
    unseen = InsertOptions(count=held, look=look, seed=_SEEDS["held-back"], labels=_FIREARMS, families=tested)
    _insert(out / "inserted", ("train", "val"), learned, options.jobs, progress)
    _insert(out / "held-back", ("test",), unseen, options.jobs, progress)
    say("step 3 of 6: renders, so that nothing is forgotten")
    for name, count in (("replay", options.renders), ("forgetting", options.renders // 2)):
        if name == "replay" and options.replay is not None:
            continue
        with progress(f"rendering {name}", "parcel") as show:
            render_catalogue(out / name, recipes[name], count, _SEEDS[name], options.jobs, on_progress=show)
    say(f"step 4 of 6: training for {options.minutes:g} minutes")
    if not is_finished(run) and not train(run, resume=is_started(run)).finished:
        return False
    say("step 5 of 6: the model file")
    if not (out / "model.onnx").exists():
        _export(out, options, shipped, site, say)
    say("step 6 of 6: before and after on the scans held back")
    if not (out / REPORT).exists():
        from training.adapt_report import write_report  # noqa: PLC0415 - draws

        write_report(out, shipped, Detector.load(out / "model.onnx"), _facts(options, state, look, counts))
    return True


def _run(out: Path, options: AdaptOptions, card: ModelCard) -> RunConfig:
    """Return the training: the shipped model's last settings with a quarter of its learning rate.

    It is validated at its end only, so that no checkpoint is chosen on the scans that thresholds are chosen on.
    """
    replay = options.replay or out / "replay"
    weights = dict(zip((out / "inserted", out / "site", replay), SHARES.values(), strict=True))
    return parse_run(
        {
            "name": card.name,
            "catalogues": {str(folder): share for folder, share in weights.items()},
            "out": str(out / "run"),
            "weights": str(options.weights),
            "imgsz": options.imgsz,
            "smallest_imgsz": max(options.imgsz * 5 // 7 // 32 * 32, 64),
            "hours": options.minutes / 60,
            "epoch_images": min(_EPOCH_IMAGES, 2 * options.insertions),
            "optimiser": "MuSGD",
            "lr0": 0.001,
            "lrf": 0.05,
            "warmup_epochs": 0.5,
            "class_balance": 0.25,
            "augmentation": {"mosaic": 0.2, "scale": 0.4, "degrees": 5.0, "hsv_h": 0.01, "hsv_s": 0.3, "grey": 0.05},
            "val_every": 100_000,
            "val_images": 200,
            "threads": options.jobs,
        },
        "adapt",
    )


def _network_of(weights: Path) -> str:
    """Return the name of the network that weights are of; what cannot be read is refused before the long steps."""
    from training.networks import load_network  # noqa: PLC0415 - seconds of imports

    return Path(load_network(weights).yaml["yaml_file"]).stem


def _claim(out: Path, options: AdaptOptions) -> dict[str, Any]:
    """Return the state of a folder that is ours, or make it ours."""
    file = out / _STATE
    if not file.exists():
        if out.exists() and any(out.iterdir()):
            raise TrainingError(f"{out}: is not empty and holds no adaptation; choose a new folder")
        out.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {"settings": options.as_dict()}
        _save(out, state)
        return state
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        before = state["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{file}: cannot be read ({error}); choose a new folder") from error
    if changed := [key for key, value in options.as_dict().items() if before.get(key) != value]:
        was = ", ".join(f"{key} was {before.get(key)}" for key in changed)
        raise TrainingError(f"{out}: holds an adaptation with other options ({was}); give them, or a new folder")
    return state


def _save(out: Path, state: Mapping[str, Any]) -> None:
    write_atomically(out / _STATE, (json.dumps(state, indent=2) + "\n").encode())


def _import(out: Path, options: AdaptOptions, state: dict[str, Any], say: Say) -> Catalogue:
    """Copy the scans into a catalogue of our own, split by parcel; those that cannot be used are listed."""
    folder = out / "site"
    if (folder / "catalogue.json").exists():
        return Catalogue.load(folder)
    benign = Benign.open(options.benign, licence=options.licence, scanner=options.scanner)
    if benign.info.research_only:
        raise TrainingError(f"{options.benign}: is for research only, and a model must not be trained on it")
    for problem in benign.problems:
        say(f"  left out: {problem}")
    parcels = len({scan.record.parcel_id for scan in benign.scans})
    if parcels < ENOUGH_SCANS:
        raise TrainingError(
            f"{options.benign}: holds {parcels} usable benign scans ({len(benign.problems)} files left out); at least "
            f"{ENOUGH_SCANS} are needed: add more, and run the same command again"
        )
    state["left_out"] = list(benign.problems)
    _save(out, state)
    records = split_records([scan.record for scan in benign.scans], _SPLIT)
    items = []
    for number, (scan, record) in enumerate(zip(benign.scans, records, strict=True)):
        named = replace(record, file_name=f"{number:06d}{scan.path.suffix.lower()}")
        copy_image(scan.path, folder / "images" / named.file_name, named)
        items.append((named, ()))
    name = options.scanner or benign.info.name
    return write_catalogue(folder, items, CatalogueInfo(name, benign.info.licence, benign.info.source_kind))


def _look(out: Path, site: Catalogue, options: AdaptOptions, progress: Progress) -> Look:
    """Estimate the scanner's look from all scans but those held back."""
    if (out / "look.json").exists():
        return Look.load(out / "look.json")
    paths = [site.path_of(record) for record in site.records if record.split != "test"]
    with progress("looking", "image") as show:
        look = estimate_look(paths, site.info.name, pixel_mm=options.pixel_mm, on_progress=show)
    look.save(out / "look.json")
    return look


def _all_families_but(tested: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the phantom families that may be trained on, of each label of which others are for the test."""
    from datasets.render.phantoms import FAMILIES  # noqa: PLC0415 - numba

    return {label: tuple(sorted(set(FAMILIES[label]) - set(kept))) for label, kept in tested.items()}


def _insert(folder: Path, splits: tuple[Split, ...], wanted: InsertOptions, jobs: int, progress: Progress) -> None:
    if (folder / "catalogue.json").exists():
        return
    benign = Benign.open(folder.parent / "site")
    chosen = replace(benign, scans=tuple(scan for scan in benign.scans if scan.record.split in splits))
    with progress(f"inserting {folder.name}", "image") as show:
        insert_into_catalogue(chosen, folder, wanted, jobs, on_progress=show)


def _export(out: Path, options: AdaptOptions, shipped: Detector, site: Catalogue, say: Say) -> None:
    """Write the model with the shipped one's looks and calibration, and thresholds of the site.

    The calibration of scores stays: it saw no scan of the site, so that all of its calibration part may choose
    thresholds.
    """
    card = shipped.card
    wanted = ExportOptions(
        name=f"{card.name}-{site.info.name}",
        version=card.version,
        imgsz=card.input_size_px,
        looks=card.looks,
        notes=f"Adapted from {card.name} {card.version} ({shipped.model_sha256[:12]}) to the scanner {site.info.name!r}"
        f" with {len(site.images('train'))} benign scans of it, rendered threats laid into them, and renders."
        f" Thresholds were chosen on {len(site.images('val'))} other benign scans of it. For this scanner alone.",
    )
    with tempfile.TemporaryDirectory() as folder:
        untuned = Path(folder) / "untuned.onnx"
        new = replace(export(out / "run", untuned, wanted, say), score_calibration=card.score_calibration)
        network = without_card(untuned.read_bytes())
    say("  choosing thresholds on the site's calibration part")
    detector = in_memory(network, replace(new, weights_sha256="0" * 64))
    points = choose_points(look_at_catalogue(detector, site, "val", threads=options.jobs))
    for name, point in points.items():
        say(f"  {name}: {point.false_alarms_per_100:.2f} false alarms per 100 scans; guarantee: {point.guarantee}")
    own = [site.path_of(record) for record in site.records if record.split != "test"]
    replay = Catalogue.load(options.replay or out / "replay")
    renders = [replay.path_of(record) for record in replay.records]
    spread = np.unique(np.linspace(0, len(renders) - 1, min(len(renders), len(own))).astype(int))
    paths = [*own, *(renders[index] for index in spread)]
    known = Familiarity.fit((decode(path.read_bytes()) for path in paths), medical_views())
    new = replace(
        new,
        thresholds={name: dict(point.thresholds) for name, point in points.items()},
        familiarity=known.to_dict() if known else {},
        metrics={
            **new.metrics,
            "operating_points": {name: point.as_dict() for name, point in points.items()},
            "thresholds_chosen_on": [
                {"name": site.info.name, "kind": site.info.source_kind, "version": site.version, "split": "val"}
            ],
        },
    )
    write_model(out / "model.onnx", network, new)


def _facts(options: AdaptOptions, state: Mapping[str, Any], look: Look, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return what the report says about how the model was adapted."""
    return {
        "scans": {"to train on": counts["train"], "for thresholds": counts["val"], "held back": counts["test"]},
        "left_out": state.get("left_out", []),
        "weights_of_training": SHARES,
        "training_minutes": options.minutes,
        "look_assumes": list(look.assumed),
        "pixel_mm_stated": options.pixel_mm is not None,
    }
