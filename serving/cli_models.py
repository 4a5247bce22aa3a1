"""`parcelray models`: the model of a running service, and a candidate in shadow beside it."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Final

__all__ = ["add_arguments", "run"]

_SHADOW: Final = "/v1/model/shadow"
# Action -> request and whether it names a file.
_ACTIONS: Final = {
    "serve": ("POST", "/v1/model", True, "serve another model of the service's models folder"),
    "rollback": ("POST", "/v1/model/rollback", False, "serve the model before this one again"),
    "shadow": ("POST", _SHADOW, True, "run a candidate beside the serving model; it decides nothing"),
    "report": ("GET", _SHADOW, False, "where the candidate differs from the serving model"),
    "promote": ("POST", f"{_SHADOW}/promote", False, "serve the candidate that was compared"),
    "stop": ("DELETE", _SHADOW, False, "end the candidate"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray models`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (_, _, names_file, text) in _ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text)
        if names_file:
            action.add_argument("file", metavar="FILE", help="a name in that folder, such as new.onnx")
        action.add_argument(
            "--url",
            default="http://127.0.0.1:8000",
            help="the service (default http://127.0.0.1:8000); its API key in PARCELRAY_KEY",
        )
        action.add_argument("--json", action="store_true", help="print what the service answers")


def run(arguments: argparse.Namespace) -> int:
    """Ask the service; returns 1 where the candidate was dropped."""
    from serving.client import Client

    method, path, names_file, _ = _ACTIONS[arguments.action]
    with Client(arguments.url, key=os.environ.get("PARCELRAY_KEY"), attempts=3, timeout_s=300) as client:
        answer = client.ask(method, path, {"file": arguments.file} if names_file else None)
    if arguments.json:
        print(json.dumps(answer, indent=2))
    elif "compared" in answer:
        _print_report(answer)
    else:
        print(f"{answer['name']} {answer['version']} serves now ({answer['sha256'][:12]})")
    return int(answer.get("state") == "dropped")


def _print_report(report: dict[str, Any]) -> None:
    ours, theirs = (f"{model['name']} {model['version']}" for model in (report["serving"], report["candidate"]))
    print(f"candidate {theirs} ({report['file']}) beside {ours}: {report['state']} {report['detail']}".rstrip())
    skipped = ", ".join(f"{count} {why}" for why, count in report["skipped"].items() if count) or "none"
    print(f"scans compared {report['compared']}, skipped {skipped}, since {report['since']}")
    if not report["compared"]:
        return
    print(
        f"same verdict {report['agreement']:.1%}; alarms: serving {report['alarm_rate_serving']:.1%}, "
        f"candidate {report['alarm_rate_candidate']:.1%}"
    )
    print(f"\n{'answered':<16}{'candidate':<16}{'scans':>8}")
    for answered, row in report["verdicts"].items():
        for candidate, count in row.items():
            print(f"{answered:<16}{candidate:<16}{count:>8}")
    print(f"\n{'label':<16}{'both':>8}{'serving only':>16}{'candidate only':>16}")
    for label, counts in report["labels"].items():
        print(f"{label:<16}{counts['both']:>8}{counts['serving_only']:>16}{counts['candidate_only']:>16}")
    for who in ("serving", "candidate"):
        times = report[f"latency_{who}"]
        print(f"\n{who}: {times['p50_ms']} ms p50, {times['p99_ms']} ms p99", end="")
    print("\n\nlook at these first:" if report["most_different"] else "")
    for scan in report["most_different"]:
        print(
            f"{scan['desk']}  {scan['serving']} -> {scan['candidate']}  {scan['label']} "
            f"{scan['serving_score']:.2f} -> {scan['candidate_score']:.2f}"
        )
