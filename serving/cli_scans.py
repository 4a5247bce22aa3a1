"""`parcelray scans erase ID`: erases one scan and its images, and leaves a tombstone in the evidence chain."""

from __future__ import annotations

import argparse

from serving.cli_store import add_store_arguments, opened, store_settings

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray scans`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    erase = actions.add_parser("erase", help="erase one scan; cannot be undone")
    erase.add_argument("scan_id", metavar="ID")
    erase.add_argument("--by", required=True, metavar="NAME", help="who decided; stays in the evidence chain")
    erase.add_argument("--reason", required=True, metavar="TEXT", help="why; stays in the evidence chain")
    add_store_arguments(erase)


def run(arguments: argparse.Namespace) -> int:
    """Erase; returns 1 when there is no such scan."""
    from serving.retention import erase_scan

    settings = store_settings(arguments)
    with opened(settings) as (store, images):
        found, removed = erase_scan(
            settings, store, images, arguments.scan_id, by=arguments.by, reason=arguments.reason
        )
    if not found:
        print(f"there is no scan {arguments.scan_id}")
        return 1
    print(f"erased scan {arguments.scan_id} and {removed} images; the evidence chain says when, by whom and why")
    return 0
