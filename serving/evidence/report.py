"""The page of a bundle: one HTML file with its pictures inside, which opens anywhere and prints."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from detector import __version__
from detector.errors import ImageError
from detector.images import decode
from detector.taxonomy import TAXONOMY
from serving.display import encoded
from serving.store.models import Evidence, Review, Scan

__all__ = ["render"]

_TEMPLATES: Final = Path(__file__).with_name("templates")


def render(
    scan: Scan,
    reviews: Sequence[Review],
    records: Sequence[Evidence],
    pictures: Sequence[bytes],
    *,
    created_at: datetime,
    public_key: str,
) -> str:
    """Return the page; `pictures` are the posted bytes of the scan's views, in their order."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    answer = json.loads(scan.answer)
    late = {view["name"]: view for view in (scan.late_result or {}).get("views", [])}
    views = [late.get(view["name"], view) if not view["inferred"] else view for view in answer["views"]]
    return environment.get_template("report.html").render(
        answer=answer,
        late=scan.late_result,
        views=[(view, _data_uri(data)) for view, data in zip(views, pictures, strict=True)],
        reviews=[(review, json.loads(review.annotations)) for review in reviews],
        records=[(record, _summary(json.loads(record.payload))) for record in records],
        colours={info.name: "#{:02x}{:02x}{:02x}".format(*info.colour_rgb) for info in TAXONOMY.values()},
        created_at=created_at,
        public_key=public_key,
        software=__version__,
    )


def _data_uri(data: bytes) -> str | None:
    """Return the picture as the model saw it; None where it cannot be read."""
    try:
        png = encoded(decode(data), ".png")
    except ImageError:
        return None
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _summary(payload: dict[str, Any]) -> str:
    for name in ("received_at", "finished_at", "created_at", "erased_at"):
        if name in payload:
            return str(payload[name])
    return ""
