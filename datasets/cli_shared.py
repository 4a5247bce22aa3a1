"""What the catalogue's commands share: the progress bar and the closing lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.catalogue import Catalogue

__all__ = ["progress", "summarise"]


def summarise(catalogue: Catalogue) -> None:
    """Print name, licence, version and sizes."""
    sizes = ", ".join(f"{split} {len(catalogue.images(split))}" for split in ("train", "val", "test"))
    limits = ", research only" if catalogue.info.research_only else ""
    print(f"{catalogue.folder}: {catalogue.info.name}, {catalogue.info.licence}{limits}")
    print(f"version {catalogue.version[:16]}, {len(catalogue.records)} images: {sizes}")


@contextmanager
def progress(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error where that is a terminal."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, file=sys.stderr, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
