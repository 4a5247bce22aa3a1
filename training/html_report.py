"""The evaluation report as one HTML file without any other: tables, diagrams and failure sheets inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["html_report", "page"]


def html_report(report: Mapping[str, Any], pictures: Mapping[str, Path]) -> str:
    """Return the page of an evaluation report.

    Args:
        report: of `training.evaluate`.
        pictures: title -> PNG file, shown at the end.
    """
    parts = report.get("sources") or {"": report}
    embedded = {title: base64.b64encode(path.read_bytes()).decode() for title, path in pictures.items()}
    return page("evaluation.html", report=report, parts=parts, pictures=embedded)


def page(template: str, /, **values: object) -> str:
    """Return a template of `training/templates` filled in; values are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only reports need it

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
