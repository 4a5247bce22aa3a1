"""Runs the commands that one YAML file lists, from where they were left: a model, from its data to its figures.

    out: runs/nano
    values: {jobs: 2}
    steps:
      - catalogue render catalogues/bags-1601 --recipe bags --seed 1601 --count 4000 --jobs {jobs}
      - train training/runs/nano.yaml --go-on

Each step is a `parcelray` command in a process of its own, as it would be typed. `OUT/steps.json` says which are done
and how long they took; a step whose text was changed is run again, and so is everything after it.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import yaml

from datasets.catalogue import write_atomically
from training.errors import StepsError
from training.model_file import Say
from training.own_command import start_command, stops_passed_on

__all__ = ["RECORD", "Steps", "load_steps", "run_steps"]

RECORD: Final = "steps.json"


@dataclass(frozen=True, slots=True)
class Steps:
    """Commands that lead from one to the next.

    Attributes:
        out: folder of the record.
        commands: what follows `parcelray`, with all values filled in.
    """

    out: Path
    commands: tuple[str, ...]


def load_steps(path: Path, values: Mapping[str, str]) -> Steps:
    """Read a YAML file of steps; `values` take the place of the file's.

    Raises:
        StepsError: it cannot be read, or something in it is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StepsError(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(document, Mapping) or not {"out", "steps"} <= set(document) <= {"out", "values", "steps"}:
        raise StepsError(f"{path}: expected the keys 'out' and 'steps', and 'values' where steps hold any")
    known, lines = document.get("values") or {}, document["steps"]
    if not isinstance(known, Mapping) or not isinstance(document["out"], str):
        raise StepsError(f"{path}: expected a folder for 'out', and names with values for 'values'")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) and line.strip() for line in lines):
        raise StepsError(f"{path}: expected a list of commands for 'steps'")
    if unknown := sorted(set(values) - set(known)):
        raise StepsError(f"{path}: holds no value {unknown[0]!r}; those that can be set: {', '.join(known) or 'none'}")
    filled = {**known, **values}
    try:
        commands = tuple(shlex.join(shlex.split(line.format_map(filled))) for line in lines)
        return Steps(Path(document["out"].format_map(filled)), commands)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise StepsError(f"{path}: a step names something that is not among 'values': {error}") from error


def run_steps(steps: Steps, say: Say) -> bool:
    """Run the steps that are not done; False where one was stopped before its end.

    Raises:
        StepsError: a step failed, or the record cannot be read; what was done before is kept.
    """
    record = steps.out / RECORD
    done = _done(record, steps.commands)
    for number, command in enumerate(steps.commands):
        said = f"step {number + 1} of {len(steps.commands)}"
        if number < len(done):
            say(f"{said} is done: parcelray {command}")
            continue
        say(f"{said}: parcelray {command}")
        started = time.monotonic()
        code, asked_to_stop = _run(shlex.split(command))
        if code and asked_to_stop:
            return False
        if code:
            raise StepsError(f"{said} ended with {code}; mend what it says above, and run this again to go on with it")
        done.append(
            {
                "command": command,
                "seconds": round(time.monotonic() - started, 1),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, (json.dumps({"cores": os.cpu_count(), "steps": done}, indent=1) + "\n").encode())
        if asked_to_stop:
            return number + 1 == len(steps.commands)
    return True


def _done(record: Path, commands: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what is recorded of these steps, up to the first that was another one."""
    try:
        rows = json.loads(record.read_text(encoding="utf-8"))["steps"] if record.exists() else []
        same = takewhile(lambda pair: pair[0]["command"] == pair[1], zip(rows, commands, strict=False))
        return [row for row, _ in same]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepsError(f"{record}: not a record of steps ({error}); remove it to run them all again") from error


def _run(words: list[str]) -> tuple[int, bool]:
    """Run one command to its end, and return with which code it ended and whether it had been asked to stop."""
    process = start_command(words, when_orphaned=signal.SIGKILL)  # every command may be killed at any moment
    with stops_passed_on(process) as stops:
        return process.wait(), bool(stops)
