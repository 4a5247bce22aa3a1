"""`parcelray db upgrade`: brings a database to this software's schema, before the service starts."""

from __future__ import annotations

import argparse

from serving.cli_store import add_store_arguments, store_settings

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray db`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    upgrade = actions.add_parser("upgrade", help="bring the schema up to date; makes the tables where there are none")
    add_store_arguments(upgrade)


def run(arguments: argparse.Namespace) -> int:
    """Upgrade and say from what to what."""
    from serving.services import open_store

    settings = store_settings(arguments).model_copy(update={"migrate_on_start": True})
    store, _ = open_store(settings)
    before, after = store.database.migrated
    store.database.close()
    print(f"schema {after}, nothing to do" if before == after else f"schema {before or 'none'} -> {after}")
    return 0
