"""`parcelray retention run`: erases by policy now, as the service does by itself every hour."""

from __future__ import annotations

import argparse

from serving.cli_store import add_store_arguments, opened, store_settings

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray retention`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    now = actions.add_parser("run", help="erase the scans that have been kept long enough")
    add_store_arguments(now)
    now.add_argument("--clear-days", type=float, metavar="N", help="keep scans without any finding so long")
    now.add_argument("--alarm-days", type=float, metavar="M", help="keep all other scans so long")


def run(arguments: argparse.Namespace) -> int:
    """Erase what is due; can be stopped and run again."""
    from datetime import UTC, datetime

    from serving.errors import BadSettingsError
    from serving.retention import run_retention

    settings = store_settings(arguments)
    given = {"retain_clear_days": arguments.clear_days, "retain_alarm_days": arguments.alarm_days}
    given = {name: days for name, days in given.items() if days is not None}
    if any(not days > 0 for days in given.values()):
        raise BadSettingsError("--clear-days and --alarm-days: expected more than 0")
    settings = settings.model_copy(update=given)
    with opened(settings) as (store, images):
        outcome = run_retention(settings, store, images, now=datetime.now(UTC))
    print(f"erased {outcome.scans} scans and {outcome.images} images; removed {outcome.stale_files} half-written files")
    if settings.retain_clear_days is None and settings.retain_alarm_days is None:
        print("No scan is ever due: set PARCELRAY_RETAIN_CLEAR_DAYS or PARCELRAY_RETAIN_ALARM_DAYS, or --clear-days")
    return 0
