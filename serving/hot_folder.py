"""A hot folder: files that scanners drop are screened, one scan a file, and put away with the verdict beside them.

    DIR/lane-3/x.png -> DIR/.parcelray/claimed/lane-3/x.png -> DIR/done/lane-3/x.png + x.png.json (+ x.png.tdr.dcs)
                                                           -> DIR/failed/lane-3/x.png + x.png.json

What makes it safe, whenever it is killed:

- A file is whole when its size and time have not changed for `settle_s`, seen through an open file, which makes network
  shares ask their server. Folders are polled, because no notice comes of what another machine writes.
- A whole file is claimed by renaming it; a new file of the same name is another file and waits for its turn. What is
  found claimed at the start is handled first.
- The idempotency key is a hash of name and content, so a file that was posted before the kill gets the same answer.
- The verdict is on the disk before the file is moved beside it, and nothing is ever deleted or overwritten.
- A file goes to `failed` only when the service refuses it, and only when it has not grown since for a while. Whatever
  else goes wrong, it stays and is tried again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from detector.dicos import is_dicos
from detector.errors import ImageTooLargeError
from detector.images import ImageLimits
from serving.client import Client, ClientError, RefusedError
from serving.files import sync_folder, write_whole
from serving.schemas import ScanOut

__all__ = ["DONE", "FAILED", "HotFolder"]

DONE: Final = "done"
FAILED: Final = "failed"
_OWN: Final = ".parcelray"
_CLAIMED: Final = "claimed"
# What writers call a file that they have not finished.
_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")
# The statuses that speak about the file; any other one is about the service or the way to it.
_ABOUT_THE_FILE: Final = (400, 413, 415, 422)
_GRACE: Final = 5
_FIRST_RETRY_S: Final = 1.0
_LONGEST_RETRY_S: Final = 60.0
_MAX_NAME_BYTES: Final = 180
_Stamp: TypeAlias = tuple[int, int, int]
_EMPTY: Final[_Stamp] = (0, 0, 0)


@dataclass(slots=True)
class _Seen:
    """A file as it was last found, since when it has been so, and when to try again after a trouble."""

    stamp: _Stamp
    since: float
    settle_s: float
    retry_s: float = 0.0
    retry_at: float = 0.0


@dataclass
class HotFolder:
    """Screens what is dropped into a folder; call `round` again and again.

    Attributes:
        folder: what is watched, with its subfolders.
        client: how to reach the service.
        settle_s: how long a file must not have changed.
        budget_ms: time that the service has for one file.
        scanner_id: given with every scan.
        lane: given with every scan.
        say: called with a line for people about each file.
    """

    folder: Path
    client: Client
    settle_s: float = 2.0
    budget_ms: int | None = None
    scanner_id: str | None = None
    lane: str | None = None
    say: Callable[[str], object] = print
    _seen: dict[Path, _Seen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._claimed = self.folder / _OWN / _CLAIMED
        self._claimed.mkdir(parents=True, exist_ok=True)

    def round(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Claim what has become whole, screen what is claimed, and return how many files were put away.

        Raises:
            OSError: the folder itself cannot be read.
        """
        os.scandir(self.folder).close()  # a share that is gone is no empty folder
        here = set[Path]()
        for path in _files(self.folder, skip=(_OWN, DONE, FAILED)):
            here.add(path)
            if self._is_due(path, self.settle_s):
                self._attempt(path, self._claim)
        put_away = 0
        for path in sorted(_files(self._claimed, skip=())):
            if stopped():
                break
            here.add(path)
            if self._is_due(path, 0.0):
                put_away += self._attempt(path, self._handle)
        self._seen = {path: seen for path, seen in self._seen.items() if path in here}
        return put_away

    def _is_due(self, path: Path, settle_s: float) -> bool:
        """Note how a file is now; return whether it has been so for long enough and is not to be left alone.

        `settle_s` is for a file that comes into sight; one that changes has to settle anew.
        """
        now = time.monotonic()
        try:
            stamp = _stamp_of(path)
        except OSError:
            return False
        seen = self._seen.get(path)
        if seen is None or seen.stamp != stamp:
            self._seen[path] = seen = _Seen(stamp, now, settle_s if seen is None else self.settle_s)
        # An empty file is the place that a writer has taken for one to come.
        return stamp != _EMPTY and now - seen.since >= seen.settle_s and now >= seen.retry_at

    def _attempt(self, path: Path, work: Callable[[Path], bool]) -> bool:
        """Do something with a file; on trouble it stays where it is, and is tried again later and later."""
        try:
            return work(path)
        except (OSError, ClientError) as error:
            seen = self._seen[path]
            seen.retry_s = min(max(seen.retry_s * 2, _FIRST_RETRY_S), _LONGEST_RETRY_S)
            seen.retry_at = time.monotonic() + seen.retry_s
            self.say(f"{_shown(path.name)}: {error}; it stays and is tried again in {seen.retry_s:g} s")
            return False

    def _claim(self, path: Path) -> bool:
        target = self._claimed / path.relative_to(self.folder)
        if target.exists():
            return False  # the one before it of the same name is not put away yet
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        _sync(target.parent)
        return False

    def _handle(self, path: Path) -> bool:
        name = path.relative_to(self._claimed)
        key = ""
        try:
            data = _read(path)
            key = self._key(name, data)
            scan = self._screen(name, data, key)
        except (RefusedError, ImageTooLargeError, PermissionError) as error:
            if isinstance(error, RefusedError) and error.status not in _ABOUT_THE_FILE:
                raise
            seen = self._seen[path]
            seen.retry_at = seen.since + _GRACE * self.settle_s
            if time.monotonic() < seen.retry_at or _stamp_of(path) != seen.stamp:
                return False  # a slow writer may still have it open
            problem = getattr(error, "problem", None) or {"detail": str(error)}
            self._put_away(path, FAILED, key, {"problem": problem}, None)
            self.say(f"{_shown(str(name))}: FAILED ({error})")
        else:
            report = self.client.threat_report(scan.id) if is_dicos(data) else None
            if _stamp_of(path) != self._seen[path].stamp:
                return False  # it grew meanwhile: what was screened is not what is here
            self._put_away(path, DONE, key, {"scan": scan.model_dump(mode="json")}, report)
            reasons = ", ".join(scan.reasons)
            self.say(f"{_shown(str(name))}: {scan.verdict.upper()} ({reasons})")
        return True

    def _screen(self, name: Path, data: bytes, key: str) -> ScanOut:
        return self.client.screen(
            {"view-1": data},
            scanner_id=self.scanner_id,
            lane=self.lane,
            tags={"file": _shown(name.as_posix())[-128:].strip() or "?"},
            budget_ms=self.budget_ms,
            idempotency_key=f"hot-folder-{key}",
        )

    def _key(self, name: Path, data: bytes) -> str:
        """Return a hash of all that is posted for a file."""
        digest = hashlib.sha256(hashlib.sha256(data).digest())
        for part in (os.fsencode(name), (self.scanner_id or "").encode(), (self.lane or "").encode()):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    def _put_away(self, path: Path, into: str, key: str, found: dict[str, Any], report: bytes | None) -> None:
        name = path.relative_to(self._claimed)
        target = _free_place(self.folder / into / name, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        words = {"file": _shown(name.as_posix()), "key": key, **found}
        if report is not None:
            _write(_beside(target, ".tdr.dcs"), report)
        _write(_beside(target, ".json"), (json.dumps(words, indent=1) + "\n").encode())
        path.rename(target)
        _sync(target.parent)
        with suppress(OSError):  # the first one that is not empty
            for folder in path.parents:
                if folder == self._claimed:
                    break
                folder.rmdir()


def _files(folder: Path, skip: tuple[str, ...]) -> Iterator[Path]:
    """Yield the regular files below a folder that are no writer's unfinished ones, following no links."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # gone, or not ours to read: its files stay where they are
    for entry in entries:
        if entry.name in skip or entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), ())
        elif entry.is_file(follow_symlinks=False) and not entry.name.lower().endswith(_UNFINISHED):
            yield Path(entry.path)


def _stamp_of(path: Path) -> _Stamp:
    """Return size, time and number of a file, asked of the server where it lies on a share.

    Raises:
        OSError: it is gone, or no longer a file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except PermissionError:
        found = path.stat(follow_symlinks=False)  # the reading will say so, when it is settled
    else:
        try:
            found = os.fstat(handle)
        finally:
            os.close(handle)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{_shown(path.name)} is no longer a file")
    return (found.st_size, found.st_mtime_ns, found.st_ino) if found.st_size else _EMPTY


def _read(path: Path) -> bytes:
    limits = ImageLimits()
    with path.open("rb") as file:
        limits.check_bytes(os.fstat(file.fileno()).st_size)
        return file.read(limits.max_bytes + 1)


def _free_place(target: Path, key: str) -> Path:
    """Return where a file may lie without covering another one: the same place every time for the same file."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= 16 else ""
    places = [] if len(os.fsencode(target.name)) > _MAX_NAME_BYTES else [target]
    stem = _shown(target.stem)[:80]
    number = 1
    while True:
        for place in places:
            if not place.exists() and _key_beside(place) in (None, key):
                return place
        again = f"-{number}" if number > 1 else ""
        places = [target.with_name(f"{stem}-{key[:12]}{again}{suffix}")]
        number += 1


def _key_beside(target: Path) -> str | None:
    """Return the key in the verdict that lies beside a place, or None where there is no verdict."""
    try:
        words = json.loads(_beside(target, ".json").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return ""
    return str(words.get("key")) if isinstance(words, dict) else ""


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)


def _write(path: Path, data: bytes) -> None:
    write_whole(path, data, mode=0o666)  # who may read the folder may read the verdicts


def _sync(folder: Path) -> None:
    with suppress(OSError):
        sync_folder(folder)


def _shown(text: str) -> str:
    """Return a file's name as it can be printed and sent: names are bytes, and may be anything."""
    readable = text.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in readable)
