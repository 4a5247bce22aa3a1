"""`parcelray monitor`: scans with known content, sent through a running service; and the choice of such scans."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray monitor`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    once = actions.add_parser("run", help="run the test scans of a service once, through its whole path")
    once.add_argument(
        "--url",
        default="http://127.0.0.1:8000",
        help="the service (default http://127.0.0.1:8000); its API key in PARCELRAY_KEY",
    )
    once.add_argument("--json", action="store_true", help="print what the service answers")
    choose = actions.add_parser("pick", help="choose test scans for a model from a catalogue")
    choose.add_argument("catalogue", type=Path, metavar="CATALOGUE", help="such as `parcelray catalogue render` makes")
    choose.add_argument("out", type=Path, metavar="OUT", help="new folder; name it in PARCELRAY_MONITOR_DIR")
    choose.add_argument("--model", type=Path, metavar="MODEL", help="model file or shipped name (default: as `serve`)")
    choose.add_argument("--threats", type=int, default=8, metavar="N", help="scans that hold something (default 8)")
    choose.add_argument("--benign", type=int, default=8, metavar="N", help="harmless scans (default 8)")
    choose.add_argument("--max-kb", type=int, default=60, metavar="KB", help="larger files are left out (default 60)")


def run(arguments: argparse.Namespace) -> int:
    """Run or choose; returns 1 where an answer was not as known."""
    return _run_once(arguments) if arguments.action == "run" else _pick(arguments)


def _run_once(arguments: argparse.Namespace) -> int:
    from serving.client import Client

    with Client(arguments.url, key=os.environ.get("PARCELRAY_KEY"), attempts=3, timeout_s=300) as client:
        report = client.ask("POST", "/v1/monitor/run")
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        _print_report(report)
    return int(not report["ok"])


def _print_report(report: dict[str, Any]) -> None:
    print(f"{'scan':<16}{'verdict':<9}{'score':>7}{'before':>8}{'ms':>8}  {'faults':<16}known")
    for scan in report["scans"]:
        print(
            f"{scan['name']:<16}{scan['verdict'] or '-':<9}{_figure(scan['score'], 3):>7}"
            f"{_figure(scan['recorded'], 3):>8}{_figure(scan['total_ms'], 0):>8}  "
            f"{', '.join(scan['faults']).replace('_', ' '):<16}{', '.join(scan['known']) or 'harmless'}"
        )
    print(f"\n{report['model']['name']} {report['model']['version']}: {report['detail']}")


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _pick(arguments: argparse.Namespace) -> int:
    from detector.detector import Detector
    from serving.monitor.known import read_coco
    from serving.monitor.pick import pick, write_known

    def show(threats: int, benign: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{threats} threats found, {benign} harmless scans cleared", end="", file=sys.stderr)

    detector = Detector.load(arguments.model)
    picked = pick(
        read_coco(arguments.catalogue),
        detector,
        threats=arguments.threats,
        benign=arguments.benign,
        max_bytes=arguments.max_kb * 1000,
        progress=show,
    )
    write_known(arguments.out, picked, detector)
    print(f"{len(picked)} test scans for {detector.card.name} {detector.card.version} in {arguments.out}")
    return 0
