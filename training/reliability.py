"""How well scores mean chances: observed shares of right detections against stated ones, as figures and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.taxonomy import LABELS
from training.metrics import LabelMatches, ScoredImage, match_labels

__all__ = ["draw_reliability", "reliability"]

_BINS: Final = 10
_LEAST: Final = 0.05  # the mass of weak detections is right never and says so; it would hide everything else


def reliability(images: Sequence[ScoredImage]) -> dict[str, Any]:
    """Return the expected calibration error and the bins behind it, over all labels and label by label.

    A detection is right when it overlaps an object of its label that no better one found by at least half (IoU).
    Detections from 0.05, ten bins of equal width; the error is the mean over detections of |share right - mean score|
    of their bin (Naeini, Cooper and Hauskrecht, AAAI 2015).
    """
    matches = match_labels(images, len(LABELS))
    result: dict[str, Any] = {"least_score": _LEAST, **_bins(matches), "labels": {}}
    for label, match in zip(LABELS, matches, strict=True):
        if match.objects.sum():
            own = _bins([match])
            result["labels"][label] = {key: own[key] for key in ("detections", "ece")}
    return result


def draw_reliability(figures: Mapping[str, Any], target: Path, title: str) -> None:
    """Draw the diagram: share right against stated score, and how many detections stand behind each bin."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    bins = figures["bins"]
    figure = Figure(figsize=(5, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color="grey", label="what scores should mean")
    above.plot([row["score"] for row in bins], [row["right"] for row in bins], "o-", color="#0b6e99", label="measured")
    above.set(ylabel="share that shows a real object", ylim=(0, 1), title=title)
    above.legend(loc="upper left", title=f"expected calibration error {figures['ece']:.3f}")
    below.bar([row["score"] for row in bins], [row["detections"] for row in bins], width=0.06, color="#0b6e99")
    below.set(xlabel="score", ylabel="detections", xlim=(0, 1), yscale="log" if bins else "linear")
    figure.savefig(target, dpi=110)


def _bins(matches: Sequence[LabelMatches]) -> dict[str, Any]:
    scores = np.concatenate([match.scores for match in matches])
    right = np.concatenate([match.hit[0] for match in matches]).astype(np.float64)
    right, scores = right[scores >= _LEAST], scores[scores >= _LEAST]
    of = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    rows = []
    for index in range(_BINS):
        inside = of == index
        if inside.any():
            mean, share = float(scores[inside].mean()), float(right[inside].mean())
            rows.append({"score": round(mean, 4), "right": round(share, 4), "detections": int(inside.sum())})
    error = sum(row["detections"] * abs(row["right"] - row["score"]) for row in rows) / max(len(scores), 1)
    return {"detections": len(scores), "ece": round(error, 4), "bins": rows}
