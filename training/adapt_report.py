"""Before and after an adaptation, on scans and renders that it never saw, and whether to use the adapted model.

Positives are rendered threats in real benign scans, so the figures stand for themselves: they say whether one model is
better than the other on this scanner's goods and look, not what share of real firearms is found.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue, write_atomically
from datasets.sheet import contact_sheet
from detector import __version__
from detector.detector import Detector
from detector.familiarity import Familiarity
from detector.images import decode
from detector.taxonomy import LABELS
from training.errors import EvaluationError
from training.html_report import page
from training.looking import look_at_catalogue
from training.metrics import FloatArray, ScoredImage, interval, parcel_weights
from training.paired import firearms_and_benign, recall_table, with_firearm

__all__ = ["verdict", "write_report"]

_ROUNDS: Final = 1000
_PICTURES: Final = 12
_MEANING: Final = (
    "Threats are rendered and laid into benign scans of this scanner that the adaptation never saw; in the test, some "
    "are of phantom families that it never saw either. The figures compare two models on this scanner. They are not the"
    " recall of real firearms, and must not be put beside figures on real or on wholly rendered images."
)


def write_report(out: Path, before: Detector, after: Detector, facts: Mapping[str, Any]) -> None:
    """Measure both models and write `adaptation.json` and `report.html`."""
    held = Catalogue.load(out / "held-back")
    scans = Catalogue.load(out / "site")
    parts = {"benign": scans, "held": held, "forgetting": Catalogue.load(out / "forgetting")}
    looked = {
        key: [look_at_catalogue(model, catalogue, "test") for model in (before, after)]
        for key, catalogue in parts.items()
    }
    site = recall_table(*(looked["benign"][turn] + with_firearm(looked["held"][turn]) for turn in (0, 1)))
    renders = recall_table(*(firearms_and_benign(looked["forgetting"][turn]) for turn in (0, 1)))
    used = [
        _in_use(model, *pair) for model, *pair in zip((before, after), looked["benign"], looked["held"], strict=True)
    ]
    report = {
        "software": f"parcelray {__version__}",
        "scanner": scans.info.name,
        "models": {
            key: {"name": model.card.name, "version": model.card.version, "sha256": model.model_sha256}
            for key, model in (("before", before), ("after", after))
        },
        "adaptation": dict(facts),
        "meaning": _MEANING,
        "intervals": f"95 %, bootstrap over parcels, {_ROUNDS} rounds; differences are of the same parcels",
        "held_back_scans": {"kind": "rendered threats in benign scans", "firearm_recall_at_false_alarms": site},
        "default_operating_point": {"before": used[0], "after": used[1]},
        "renders": {"kind": "rendered", "firearm_recall_at_false_alarms": renders},
        "verdict": verdict(site, renders),
    }
    sheet = contact_sheet(held, count=_PICTURES, split="test", columns=4)
    png = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))[1].tobytes()
    shown = page("adaptation.html", report=report, picture=base64.b64encode(png).decode())
    write_atomically(out / "report.html", shown.encode())
    write_atomically(out / "adaptation.json", (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def verdict(site: Mapping[str, Any], renders: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether the adapted model is better on the site, and what to do, in words.

    It is better where the interval of the difference in mean recall lies above nothing.
    """
    gain = site["mean"]["difference"] if "mean" in site else {"value": 0.0, "low": 0.0, "high": 0.0}
    helped = gain["low"] > 0
    lost = "mean" in renders and renders["mean"]["difference"]["high"] < 0
    said = f"mean recall of firearms {gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
    if helped:
        advice = f"Adaptation helped on scans held back: {said}. Use model.onnx for this scanner, and watch its alarms."
        if lost:
            advice += " It finds less on other scanners than before: use it for this one alone."
    else:
        how = "Adaptation made it worse" if gain["high"] < 0 else "Adaptation did not help as far as can be shown"
        advice = (
            f"{how} on scans held back: {said}. Keep the shipped model. To choose its thresholds on your scans: "
            "parcelray export SHIPPED.onnx --catalogue OUT/site --no-calibration --out tuned.onnx"
        )
    return {"helped": helped, "forgot": lost, "advice": advice}


def _in_use(model: Detector, benign: Sequence[ScoredImage], held: Sequence[ScoredImage]) -> dict[str, Any]:
    """Return what a model does on the scans held back with the thresholds that it is used with."""
    point = "balanced" if "balanced" in model.card.thresholds else model.card.operating_point
    limits = np.array([model.thresholds(point).get(label, 1.1) for label in LABELS])
    known = Familiarity.from_dict(model.card.familiarity) if model.card.familiarity else None
    armed = with_firearm(held)
    chosen = model.card.metrics.get("operating_points", {}).get(point, {})
    return {
        "operating_point": point,
        "guarantee": chosen.get("guarantee", "none stated"),
        "false_alarms_per_100": _share(benign, [_alarms(one, limits) for one in benign], 100),
        "referred_per_100": _share(benign, [known.is_unlike(_view(one)) for one in benign], 100) if known else None,
        "firearm_recall": _share(armed, [_alarms(one, limits) for one in armed]),
    }


def _share(images: Sequence[ScoredImage], happened: Sequence[bool], scale: float = 1.0) -> dict[str, float] | None:
    """Return the share of the images of which something is true; None without images."""
    if not images:
        return None
    drawn = parcel_weights([image.parcel_id for image in images], _ROUNDS, 0)
    drawn = np.vstack([np.ones(len(images), np.int64), drawn])
    return _interval(scale * (drawn @ np.array(happened, np.float64)) / drawn.sum(axis=1))


def _interval(values: FloatArray) -> dict[str, float]:
    return interval(float(values[0]), values[1:].tolist()).as_dict()


def _alarms(image: ScoredImage, limits: FloatArray) -> bool:
    return bool((image.scores >= limits[image.found_ids]).any())


def _view(image: ScoredImage) -> NDArray[np.uint8]:
    if image.path is None:
        raise EvaluationError(f"{image.name}: its file is not known")
    return decode(image.path.read_bytes())
