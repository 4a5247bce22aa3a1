"""`parcelray evidence verify | export | check-bundle`: proves that nothing was changed, for a store or a case file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from serving.cli_store import add_store_arguments, opened, store_settings

__all__ = ["add_arguments", "run"]

_EVERY: int = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray evidence`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="read every record, row and image of a store; exit 1 if one was changed")
    verify.add_argument(
        "--head",
        metavar="NUMBER:HASH",
        help="a head that was noted earlier and elsewhere: finds a chain cut off or made anew since",
    )
    add_store_arguments(verify)
    export = actions.add_parser("export", help="write one scan as a signed bundle for a case file")
    export.add_argument("scan_id", metavar="SCAN_ID")
    export.add_argument("out", type=Path, metavar="OUT.zip")
    add_store_arguments(export)
    check = actions.add_parser("check-bundle", help="check a bundle; exit 1 if it was changed")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--key", metavar="HEX", help="the only public key that may have signed it")


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three; returns 1 when something was changed."""
    return {"verify": _verify, "export": _export, "check-bundle": _check}[arguments.action](arguments)


def _verify(arguments: argparse.Namespace) -> int:
    from serving.store.scans import verify_chain

    noted = _noted(arguments.head)
    with opened(store_settings(arguments)) as (store, images):
        report = verify_chain(store, images, noted=noted, progress=_progress)
    for problem in report.problems:
        print(problem)
    print(f"{report.records} records and {report.images} images read: {len(report.problems)} problems")
    print(f"head {report.head[0]}:{report.head[1]}")
    print(
        "Note the head elsewhere and give it as --head next time: that the newest records were cut off, or the chain "
        "made anew with all its rows, cannot be seen otherwise."
    )
    return 0 if report.whole else 1


def _noted(text: str | None) -> tuple[int, str] | None:
    from serving.errors import BadSettingsError

    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdecimal() and len(digest) == 64):
        raise BadSettingsError(f"--head: expected NUMBER:HASH as an earlier verify printed it, got {text!r}")
    return int(number), digest.lower()


def _progress(done: int, total: int) -> None:
    if done % _EVERY == 0 and sys.stderr.isatty():
        print(f"\r{done} of {total} records", end="" if done < total else "\n", file=sys.stderr, flush=True)


def _export(arguments: argparse.Namespace) -> int:
    from serving.evidence.bundle import export
    from serving.evidence.keys import hex_of, signing_key

    settings = store_settings(arguments)
    with opened(settings) as (store, images):
        key = signing_key(settings.data_dir)
        export(store, images, key, arguments.scan_id, arguments.out)
    print(f"wrote {arguments.out}")
    print(f"signed with the key {hex_of(key.public_key())}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from serving.evidence.check import check_bundle

    report = check_bundle(arguments.file, arguments.key)
    for problem in report.problems:
        print(problem)
    if report.problems:
        return 1
    print(f"whole: scan {report.scan_id}, signed with the key {report.public_key}")
    if arguments.key is None:
        print("Whether that key is the service's own, only its operator can say: ask, then give it as --key.")
    return 0
