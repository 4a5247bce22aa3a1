"""What differs between two catalogues, or two versions of one: images, annotations, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from datasets.catalogue import Catalogue
from datasets.records import ImageRecord
from datasets.samples import Annotation
from detector.boxes import intersection_over_union

__all__ = ["Difference", "ImageChange", "difference"]

# Two boxes of one label that overlap this much are one annotation that somebody moved.
_SAME_OBJECT_IOU: Final = 0.5


@dataclass(frozen=True, slots=True)
class ImageChange:
    """What differs for one image that both catalogues hold.

    Attributes:
        file_name: in the second catalogue.
        added: annotations that only the second has.
        removed: annotations that only the first has.
        changed: pairs of one annotation before and after.
        metadata: field of the record -> value before and after.
    """

    file_name: str
    added: tuple[Annotation, ...]
    removed: tuple[Annotation, ...]
    changed: tuple[tuple[Annotation, Annotation], ...]
    metadata: Mapping[str, tuple[object, object]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two catalogues; images are the same where their bytes are.

    Attributes:
        about: field of the catalogue as a whole -> value before and after.
        added: images that only the second holds.
        removed: images that only the first holds.
        replaced: file names under which the two hold different images; not in `added` or `removed`.
        changed: images whose annotations or records differ.
    """

    about: Mapping[str, tuple[object, object]]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    replaced: tuple[str, ...]
    changed: tuple[ImageChange, ...]

    def __bool__(self) -> bool:
        return bool(self.about or self.added or self.removed or self.replaced or self.changed)

    def lines(self) -> list[str]:
        """Return the difference as text, one finding a line, as the command prints it."""
        shown = [f"~ catalogue: {name} {_arrow(pair)}" for name, pair in self.about.items()]
        shown += [f"+ {name}" for name in self.added]
        shown += [f"- {name}" for name in self.removed]
        shown += [f"! {name}: another image under the same name" for name in self.replaced]
        for one in self.changed:
            shown += [f"~ {one.file_name}: {name} {_arrow(pair)}" for name, pair in one.metadata.items()]
            shown += [f"~ {one.file_name}: + {_text(mark)}" for mark in one.added]
            shown += [f"~ {one.file_name}: - {_text(mark)}" for mark in one.removed]
            shown += [f"~ {one.file_name}: {_change(*pair)}" for pair in one.changed]
        marks = [sum(len(getattr(one, kind)) for one in self.changed) for kind in ("added", "removed", "changed")]
        shown.append(
            f"images: {len(self.added)} added, {len(self.removed)} removed, {len(self.replaced)} replaced,"
            f" {sum(bool(one.metadata) for one in self.changed)} with other metadata;"
            f" annotations: {marks[0]} added, {marks[1]} removed, {marks[2]} changed"
        )
        return shown


def difference(first: Catalogue, second: Catalogue) -> Difference:
    """Return what one has to do to the first catalogue to get the second."""
    before, after = _by_content(first), _by_content(second)
    removed = {before[key].file_name for key in before.keys() - after.keys()}
    added = {after[key].file_name for key in after.keys() - before.keys()}
    changes = [_compared(first, before[key], second, after[key]) for key in before.keys() & after.keys()]
    return Difference(
        _pairs(asdict(first.info), asdict(second.info)),
        tuple(sorted(added - removed)),
        tuple(sorted(removed - added)),
        tuple(sorted(added & removed)),
        tuple(sorted(filter(None, changes), key=lambda one: one.file_name)),
    )


def _by_content(catalogue: Catalogue) -> dict[tuple[str, int], ImageRecord]:
    """Return the records by hash, and by number where a catalogue holds one image more than once."""
    seen: dict[str, int] = {}
    found = {}
    for record in catalogue.records:
        seen[record.sha256] = number = seen.get(record.sha256, -1) + 1
        found[record.sha256, number] = record
    return found


def _compared(first: Catalogue, old: ImageRecord, second: Catalogue, new: ImageRecord) -> ImageChange | None:
    removed, added, changed = _paired(first.annotations_of(old), second.annotations_of(new))
    metadata = _pairs(
        {**asdict(old), "source_kind": first.source_kind_of(old), "research_only": first.is_research_only(old)},
        {**asdict(new), "source_kind": second.source_kind_of(new), "research_only": second.is_research_only(new)},
    )
    if not (removed or added or changed or metadata):
        return None
    return ImageChange(new.file_name, tuple(added), tuple(removed), tuple(changed), metadata)


def _paired(
    old: Sequence[Annotation], new: Sequence[Annotation]
) -> tuple[list[Annotation], list[Annotation], list[tuple[Annotation, Annotation]]]:
    """Return what is gone, what is new, and pairs of what was moved, relabelled or otherwise changed."""
    removed, added = list(old), list(new)
    for mark in old:
        if mark in added:
            added.remove(mark)
            removed.remove(mark)
    table = intersection_over_union([mark.xyxy for mark in removed], [mark.xyxy for mark in added])
    overlaps = [(iou, i, j) for i, row in enumerate(table.tolist()) for j, iou in enumerate(row)]
    left_old, left_new = set(range(len(removed))), set(range(len(added)))
    changed = []
    for iou, i, j in sorted(overlaps, reverse=True):
        if iou >= _SAME_OBJECT_IOU and i in left_old and j in left_new:
            left_old.remove(i)
            left_new.remove(j)
            changed.append((removed[i], added[j]))
    return [removed[i] for i in sorted(left_old)], [added[j] for j in sorted(left_new)], changed


def _pairs(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    return {name: (old[name], new[name]) for name in old if old[name] != new[name]}


def _arrow(pair: tuple[object, object]) -> str:
    return f"{pair[0]!r} -> {pair[1]!r}"


def _text(mark: Annotation) -> str:
    return f"{mark.label} [{', '.join(f'{value:g}' for value in mark.xyxy)}]"


def _change(old: Annotation, new: Annotation) -> str:
    what = _pairs(asdict(old), asdict(new))
    return f"{_text(old)}: " + ", ".join(f"{name} {_arrow(pair)}" for name, pair in what.items())
