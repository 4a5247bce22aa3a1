"""Pascal VOC: `JPEGImages/`, an XML file for each image in `Annotations/`, lists of a split in `ImageSets/Main/`.

Corners are pixels counted from 0, as labelImg and CVAT write them, with a fraction where a box has one: boxes on the
catalogue's grid of 1/256 pixel come back exact. (The devkit of 2007 counts from 1; boxes made by its rule are read
one pixel off at the left and the top.) Attributes are kept: truncated and occluded as elements of their own, the
others as CVAT writes them. The format has no place for visibility and area.

XML is parsed by defusedxml: a document type declaration, and with it every entity, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring  # nothing is parsed with it

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from datasets.catalogue import Catalogue, write_atomically
from datasets.coco import Problem
from datasets.errors import AnnotationError, CatalogueError
from datasets.formats.entries import (
    ANNOTATION_BYTES,
    Found,
    Mark,
    boxed,
    finite,
    flat_name,
    image_paths,
    in_order,
    name_below,
    need_folder,
    place_image,
    read_inside,
    unreadable,
)
from datasets.records import SPLITS, ImageRecord
from datasets.samples import Annotation
from detector.taxonomy import ATTRIBUTES

__all__ = ["parse_voc", "read_voc", "voc_xml", "write_voc"]

_OWN_ELEMENTS: Final = ("truncated", "occluded")
_XML: Final = frozenset({".xml"})


def read_voc(source: Path) -> Iterator[Found | Problem]:
    """Yield the images of a VOC folder; of a split that its lists do not name where they name none.

    An image without an XML file has not been annotated: it is left out, and how many there are is said.

    Raises:
        CatalogueError: there is no XML file in `Annotations`.
    """
    root = need_folder(source, "VOC")
    files = in_order(root / "Annotations", _XML)
    if not files:
        raise CatalogueError(
            f"{root}: holds no Annotations/*.xml; name the folder that holds Annotations and JPEGImages"
        )
    images = {path.relative_to(root / "JPEGImages").with_suffix(""): path for path in image_paths(root / "JPEGImages")}
    split_of = {
        line.split()[0]: split
        for split in SPLITS
        for line in _lines(root, root / "ImageSets" / "Main" / f"{split}.txt")
        if line.strip()
    }
    for file in files:
        stem = file.relative_to(root / "Annotations").with_suffix("")
        path = images.pop(stem, root / "JPEGImages" / stem.with_suffix(".jpg"))
        try:
            marks, about = parse_voc(read_inside(root, file, ANNOTATION_BYTES))
        except AnnotationError as error:
            yield Problem(name_below(root, file), f"left out: {error}")
            continue
        yield Found(
            name=name_below(root, path),
            path=path,
            marks=marks,
            about={**about, "split": split_of.get(stem.as_posix())},
        )
    if images:
        example = name_below(root, next(iter(images.values())))
        yield Problem(example, f"left out: has no XML file, nor have {len(images) - 1} others", warning=True)


def write_voc(
    catalogue: Catalogue, out: Path, kept: Callable[[ImageRecord], Sequence[Annotation]]
) -> Iterator[tuple[ImageRecord, Path]]:
    """Write `out/JPEGImages`, `out/Annotations` and `out/ImageSets/Main`; yield each image with its file."""
    lists = out / "ImageSets" / "Main"
    for folder in (lists, out / "Annotations", out / "JPEGImages"):
        folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        stems = []
        for record in catalogue.images(split):
            name = flat_name(record)
            file = (out / "Annotations" / name).with_suffix(".xml")
            if file.exists():
                raise CatalogueError(f"{record.file_name}: another image has the same name but for '/' or its ending")
            file.write_bytes(voc_xml(name, record.width, record.height, kept(record), catalogue.info.name))
            stems.append(file.stem)
            place_image(catalogue.path_of(record), out / "JPEGImages" / name)
            yield record, out / "JPEGImages" / name
        write_atomically(lists / f"{split}.txt", "".join(f"{stem}\n" for stem in stems).encode())


def parse_voc(data: bytes) -> tuple[tuple[Mark, ...], dict[str, object]]:
    """Return the marks in one XML file, and the size that it states.

    Raises:
        AnnotationError: it is not XML, or XML that could be an attack.
    """
    try:
        document: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise AnnotationError("declares a document type or entities, which an annotation does not need") from error
    except (ParseError, ValueError, LookupError) as error:  # also an encoding that does not exist
        raise AnnotationError(f"is not XML ({str(error)[:80]}); restore it") from error
    about: dict[str, object] = {}
    for key in ("width", "height"):
        text = (document.findtext(f"size/{key}") or "").strip()
        # Some tools write 0 where they did not know.
        if text.isascii() and text.isdecimal() and 0 < len(text) < 9 and int(text):
            about[key] = int(text)
    return tuple(_mark(entry, f"object {number}") for number, entry in enumerate(document.findall("object"))), about


def voc_xml(name: str, width: int, height: int, annotations: Sequence[Annotation], database: str) -> bytes:
    """Return the XML file of one image."""
    root = Element("annotation")
    _add(root, filename=name)
    _add(SubElement(root, "source"), database=database)
    _add(SubElement(root, "size"), width=str(width), height=str(height), depth="3")
    _add(root, segmented="0")
    for mark in annotations:
        entry = SubElement(root, "object")
        _add(entry, name=mark.label, pose="Unspecified", difficult="0")
        _add(entry, **{name: str(int(name in mark.attributes)) for name in _OWN_ELEMENTS})
        box = zip(("xmin", "ymin", "xmax", "ymax"), mark.xyxy, strict=True)
        _add(SubElement(entry, "bndbox"), **{key: repr(value).removesuffix(".0") for key, value in box})
        if others := [name for name in mark.attributes if name not in _OWN_ELEMENTS]:
            listed = SubElement(entry, "attributes")
            for other in others:
                _add(SubElement(listed, "attribute"), name=other, value="True")
    indent(root)
    data: bytes = tostring(root, "utf-8", xml_declaration=True)
    return data + b"\n"


def _mark(entry: Element, where: str) -> Mark:
    label = " ".join((entry.findtext("name") or "").split())
    if not label.isprintable():
        label = ""
    try:
        if not label:
            raise AnnotationError(f"{where}: has no name")
        box = [finite(entry.findtext(f"bndbox/{key}"), f"{where} {key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    except AnnotationError as error:
        return unreadable(label, error)
    given = {name for name in _OWN_ELEMENTS if (entry.findtext(name) or "").strip() == "1"}
    for attribute in entry.findall("attributes/attribute"):
        if (attribute.findtext("value") or "").strip().casefold() == "true":
            given.add((attribute.findtext("name") or "").strip())
    x0, y0, x1, y1 = box
    return boxed(label, (x0, y0, x1, y1), tuple(name for name in ATTRIBUTES if name in given))


def _lines(root: Path, path: Path) -> list[str]:
    try:
        return read_inside(root, path, ANNOTATION_BYTES * 8).decode("utf-8", "replace").splitlines()
    except AnnotationError:
        return []


def _add(parent: Element, **texts: str) -> None:
    for key, text in texts.items():
        SubElement(parent, key).text = text
