"""What the commands that work on a store have in common: which store, and opening it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.settings import Settings
    from serving.store.images import ImageStore
    from serving.store.scans import ScanStore

__all__ = ["add_store_arguments", "opened", "store_settings"]


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a store; what is not given comes from PARCELRAY_ variables or defaults."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the store (default ./parcelray-data)")
    parser.add_argument("--database", metavar="URL", help="SQLAlchemy URL (default: SQLite in that folder)")
    parser.add_argument("--images", metavar="URL", help="where images are kept, as fsspec names it (default: there)")


def store_settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings of the named store.

    Raises:
        BadSettingsError: they make no sense.
    """
    from pydantic import ValidationError

    from serving.errors import BadSettingsError
    from serving.settings import Settings

    given = {"data_dir": arguments.data, "database_url": arguments.database, "images_url": arguments.images}
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BadSettingsError(f"settings: {lines}") from None


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[ScanStore, ImageStore]]:
    """Open a store that is there already.

    Raises:
        BadSettingsError: there is none, it cannot be opened, or it fails meanwhile.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from serving.errors import BadSettingsError
    from serving.services import open_store

    if settings.database_url is None and not (settings.data_dir / "parcelray.sqlite").exists():
        raise BadSettingsError(f"there is no store in {settings.data_dir}; name its folder with --data")
    store, images = open_store(settings)
    try:
        yield store, images
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        raise BadSettingsError(f"the database failed ({reason}); put it right or restore it, then try again") from error
    finally:
        store.database.close()
