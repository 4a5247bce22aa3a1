"""The figures that a model file carries, and the page for people that is written from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from detector.model_card import ModelCard
from training.errors import EvaluationError

__all__ = ["attach_reports", "model_card_page", "quantisation_rows", "summary"]

_CLASS_KEYS: Final = ("objects", "ap50", "ap50_95")
_POINT: Final = 0.01


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an evaluation report what belongs in the card: data, sizes, figures with intervals, no method text."""
    kept = {key: report[key] for key in ("created", "command", "data", "operating_points") if key in report}
    if "sources" in report:
        kept["sources"] = {
            name: {**_figures(part), "boxes": part["boxes"], "images": part["images"]}
            for name, part in report["sources"].items()
        }
        return kept
    return {**kept, **_figures(report), "groups": _classes(report["groups"])}


def attach_reports(metrics: Mapping[str, Any], card: ModelCard, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the metrics with the summaries of evaluation reports of this model, by kind, name and split of the data.

    Raises:
        EvaluationError: a report is not one of `parcelray evaluate`, or is about another model.
    """
    evaluations = dict(metrics.get("evaluations", {}))
    for report in reports:
        try:
            model, data = report["model"], report["data"]
            about = (model["name"], model["version"], model["exported"])
            key = f"{data['kind']}: {data['name']}, {data['split']}"
            short = summary(report)
        except (KeyError, TypeError) as error:
            raise EvaluationError(f"not a report of `parcelray evaluate` ({error} is missing)") from error
        if about != (card.name, card.version, card.created):
            raise EvaluationError(
                f"the report is about {about}, the model is {(card.name, card.version, card.created)}"
            )
        evaluations[key] = short
    return {**metrics, "evaluations": evaluations}


def model_card_page(card: ModelCard) -> str:
    """Return the card as Markdown for people."""
    lines = [
        f"# Model card: {card.name} {card.version}",
        "",
        "Finds firearms, their parts and ammunition in X-ray images of parcels, so that a trained person can decide "
        "which to open. It never decides alone.",
        "",
        f"- Exported {card.created}, licence {card.licence}",
        f"- Network input {_looks(card)}, head `{card.head}`",
        f"- Trained on the catalogues with version {', '.join(f'`{v[:16]}`' for v in card.data_version.split())}",
        f"- Labels: {', '.join(card.classes)}",
        f"- Notes: {card.notes}" if card.notes else "",
        "",
        "## Operating points",
        "",
        "| name | threshold |" + " false alarms per 100 parcels, parcel recall (calibration split) |",
        "|---|---|---|",
    ]
    chosen = card.metrics.get("operating_points", {})
    for name, thresholds in card.thresholds.items():
        low, high = min(thresholds.values()), max(thresholds.values())
        about = chosen.get(name)
        shown = f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"
        said = f"{about['false_alarms_per_100']:.2f}, {about['parcel_recall']:.3f}" if about else "not measured"
        default = " (default)" if name == card.operating_point else ""
        lines.append(f"| {name}{default} | {shown} | {said} |")
    lines += [
        f"\nGuarantee of `{name}`: {about['guarantee']}." for name, about in chosen.items() if about.get("guarantee")
    ]
    for key, report in card.metrics.get("evaluations", {}).items():
        lines += ["", f"## Measured on {key}", "", *_evaluation(report)]
    parity = card.metrics.get("parity")
    if parity:
        lines += [
            "",
            "## Export",
            "",
            f"On {parity['images']:.0f} fixed images the ONNX file and the PyTorch weights differ by at most "
            f"{parity['box_px']:.2g} pixels and {parity['score']:.2g} in score.",
        ]
    if about := card.metrics.get("quantisation"):
        lines += ["", "## Quantisation", "", *_quantisation(about)]
    lines += [
        "",
        "## Use",
        "",
        "Intended: pointing trained staff at parcels to open. Excluded: clearing parcels without a person's "
        "responsibility, persons or medical images, any use as evidence by itself. Rendered and real figures are "
        "never mixed; figures on rendered images say nothing about a scanner that was not rendered.",
        "",
    ]
    return "\n".join(lines)


def quantisation_rows(compared: Mapping[str, Any]) -> list[list[str]]:
    """Return figure, its values in float32 and int8, the difference with its interval, and what that says, as texts.

    A loss counts as less than a point where the whole interval of the difference lies above minus one point.
    """
    figures = {"mAP50": compared["map50"]} if compared["map50"] else {}
    for kind, key in (("recall of firearms", "firearm_recall"), ("recall of all threats", "recall")):
        rates = sorted((name for name in compared[key] if name.endswith("%")), key=_rate)
        figures |= {f"{kind} at {name} false alarms": compared[key][name] for name in rates}
        if rates:
            figures[f"{kind}, mean of these"] = compared[key]["mean"]
    rows = []
    for name, row in figures.items():
        change = row["difference"]
        said = "loses less than a point" if change["low"] > -_POINT else "a point's loss is not ruled out"
        if change["high"] < -_POINT:
            said = "loses more than a point"
        shown = f"{change['value']:+.3f} ({change['low']:+.3f} to {change['high']:+.3f})"
        rows.append([name, f"{row['before']['value']:.3f}", f"{row['after']['value']:.3f}", shown, said])
    return rows


def _quantisation(about: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Weights are {about['weights']}, activations {about['activations']}; in float32: {about['float32']}. "
        f"Calibrated on {about['calibrated_on']['scans']} scans. Differences are of the same images; intervals: paired "
        "bootstrap over parcels, 95 %.",
    ]
    for compared in about.get("compared", []):
        lines += ["", f"| {compared['data']} | float32 | int8 | difference | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in quantisation_rows(compared)]
    if timed := about.get("processor_ms"):
        lines += [
            "",
            f"A view takes {timed['float32']} ms of processor time in float32 and {timed['int8']} ms in int8 (median "
            "on the machine that made it).",
        ]
    return lines


def _evaluation(report: Mapping[str, Any]) -> list[str]:
    data = report["data"]
    lines = [
        f"{data['images']} images of {data['parcels']} parcels, {data['images_with_threat']} with a threat, "
        f"{data['objects']} objects. Intervals: bootstrap over parcels, 95 %.",
        "",
    ]
    for source, part in report.get("sources", {}).items():
        lines += [f"### {source}", "", *_figure_lines(part)]
    return lines if "sources" in report else lines + _figure_lines(report)


def _figure_lines(report: Mapping[str, Any]) -> list[str]:
    lines = ["| class | objects | AP50 | AP50:95 |", "|---|---|---|---|"]
    for name, row in sorted(report["classes"].items(), key=lambda item: item[0] == "mean"):  # the mean stands last
        lines.append(f"| {name} | {row.get('objects', '')} | {_shown(row['ap50'])} | {_shown(row['ap50_95'])} |")
    lines += ["", "Recall of images with a threat at a share of false alarms", ""]
    keys = {key for row in report["image_recall_at_fpr"].values() for key in row if key.endswith("%")}
    rates = sorted(keys, key=_rate)
    lines += ["| images | with, without threat | " + " | ".join(rates) + " |", "|---|---|" + "---|" * len(rates)]
    for name, row in report["image_recall_at_fpr"].items():
        counts = f"{row['images_with_threat']}, {row['images_without']}"
        lines.append(f"| {name} | {counts} | " + " | ".join(_shown(row.get(rate)) for rate in rates) + " |")
    for name, row in report.get("operating_points", {}).items():
        lines.append(
            f"\nAt `{name}`: parcel recall {_shown(row.get('parcel_recall'))}, "
            f"false alarms per 100 parcels {_shown(row.get('false_alarms_per_100_parcels'))}, "
            f"d' {_shown(row.get('d_prime'))}."
        )
    return [*lines, ""]


def _rate(text: str) -> int:
    return int(text.removesuffix("%"))


def _shown(value: Mapping[str, float] | None) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f}-{value['high']:.3f})" if value else ""


def _figures(report: Mapping[str, Any]) -> dict[str, Any]:
    return {"classes": _classes(report["classes"]), "image_recall_at_fpr": report["image_recall_at_fpr"]}


def _classes(classes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {key: row[key] for key in _CLASS_KEYS if key in row} for name, row in classes.items()}


def _looks(card: ModelCard) -> str:
    if not card.looks:
        return f"{card.input_size_px} x {card.input_size_px} pixels"
    each = [f"{look.size_px} pixels{' mirrored' if look.mirrored else ''}" for look in card.looks]
    return f"{' and '.join(each)} on the longer side, {len(each)} looks that vote"
