"""Writes an exported model again with another card: thresholds on other data, figures of more reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from detector.detector import Detector
from detector.model_card import ModelCard
from training.card import attach_reports
from training.errors import ExportError
from training.model_file import ExportOptions, Say, finish, without_card, write_model

__all__ = ["add_reports", "refit"]


def refit(model: Path, out: Path, options: ExportOptions, say: Say = print) -> ModelCard:
    """Choose calibration, thresholds and what is familiar again for an exported model; the network stays as it is.

    Figures measured with the old thresholds leave the card.

    Raises:
        ModelError: the model cannot be loaded.
        ExportError: there is no catalogue to choose on.
        CatalogueError: a catalogue cannot be used.
    """
    if not options.catalogues:
        raise ExportError(f"{model}: is exported already; give --catalogue to choose its thresholds again, or --report")
    card = Detector.load(model).card
    metrics = {key: value for key, value in card.metrics.items() if key != "evaluations"}
    card = replace(card, metrics=metrics, notes=options.notes or card.notes)
    return finish(without_card(model.read_bytes()), card, out, options, say)


def add_reports(model: Path, out: Path, reports: Sequence[Path], say: Say = print) -> ModelCard:
    """Write the model again with the figures of more evaluation reports in its card; the network stays as it is.

    Raises:
        EvaluationError: a report is about another model.
        ModelError: the model cannot be loaded.
        ExportError: a report cannot be read.
    """
    card = Detector.load(model).card
    try:
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in reports]
    except (OSError, ValueError) as error:
        raise ExportError(f"a report cannot be read: {error}") from error
    card = replace(card, metrics=attach_reports(card.metrics, card, documents))
    write_model(out, without_card(model.read_bytes()), card)
    say(f"wrote {out} with {len(documents)} more reports")
    return card
