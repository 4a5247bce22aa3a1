"""`parcelray watch`: a hot folder in front of a running service, or of one of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

__all__ = ["add_arguments", "run"]

_POLL_S: Final = 0.5
_LOST_S: Final = 10.0
_LOCK: Final = ".parcelray/lock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray watch`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder that scanners drop image files into")
    parser.add_argument(
        "--url", help="a running service, such as http://127.0.0.1:8000; its API key, if it needs one, in PARCELRAY_KEY"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="without --url: folder of the store (default ./parcelray-data)"
    )
    parser.add_argument(
        "--model", type=Path, metavar="MODEL", help="without --url: model file, or the name of a shipped one"
    )
    parser.add_argument(
        "--settle", type=float, default=2.0, metavar="S", help="seconds that a file must not have changed (default 2)"
    )
    parser.add_argument("--budget-ms", type=int, default=10_000, metavar="MS", help="time for one file (default 10000)")
    parser.add_argument("--scanner-id", help="given with every scan")
    parser.add_argument("--lane", help="given with every scan")


def run(arguments: argparse.Namespace) -> int:
    """Watch until stopped; returns 2 where that cannot be."""
    from pydantic import ValidationError

    from serving.client import Client
    from serving.errors import BadSettingsError
    from serving.hot_folder import DONE, FAILED, HotFolder
    from serving.schemas import ScanMetadata
    from serving.settings import MAX_BUDGET_MS, MIN_BUDGET_MS

    if not arguments.folder.is_dir():
        raise BadSettingsError(f"{arguments.folder} is not a folder; make it, and let the scanner write into it")
    if arguments.settle < 0:
        raise BadSettingsError(f"--settle: expected 0 seconds or more, got {arguments.settle:g}")
    if not MIN_BUDGET_MS <= arguments.budget_ms <= MAX_BUDGET_MS:
        raise BadSettingsError(f"--budget-ms: expected {MIN_BUDGET_MS} to {MAX_BUDGET_MS}, got {arguments.budget_ms}")
    try:
        ScanMetadata(scanner_id=arguments.scanner_id, lane=arguments.lane)
    except ValidationError as error:
        raise BadSettingsError(f"--scanner-id, --lane: {error.errors()[0]['msg']}") from None
    if arguments.url and (arguments.data or arguments.model):
        raise BadSettingsError("--data and --model are for a service of its own; with --url leave them out")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        stack.enter_context(_only_one(arguments.folder))
        url = arguments.url or stack.enter_context(_service_of_its_own(arguments))
        # Few tries at a time: what gets no answer stays in the folder, and others have their turn.
        client = Client(url, key=os.environ.get("PARCELRAY_KEY"), attempts=3, sleep=stop.wait)
        stack.enter_context(client)
        folder = HotFolder(
            arguments.folder.resolve(),
            client,
            settle_s=arguments.settle,
            budget_ms=arguments.budget_ms,
            scanner_id=arguments.scanner_id,
            lane=arguments.lane,
            say=_say,
        )
        _say(f"ParcelRay watches {folder.folder}\n  answers go to {DONE}/ and {FAILED}/ in it\nStop with Ctrl-C.")
        while not stop.is_set():
            try:
                folder.round(stop.is_set)
            except OSError as error:
                _say(f"the folder cannot be read ({error}); trying again")
                stop.wait(_LOST_S)
            stop.wait(_POLL_S)
    return 0


def _say(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; two watchers would claim each other's files."""
    from serving.errors import BadSettingsError

    lock = folder / _LOCK
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a") as file:
        if not _locked(file):
            raise BadSettingsError(f"{folder} is watched already; stop the other `parcelray watch` first")
        yield


def _locked(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _service_of_its_own(arguments: argparse.Namespace) -> Iterator[str]:
    """Run the service in a thread, reachable from this machine only, and give its address."""
    import socket
    import time

    import uvicorn
    from pydantic import ValidationError

    from detector.detector import Detector
    from serving.app import create_app
    from serving.errors import BadSettingsError
    from serving.server import Server
    from serving.services import open_store
    from serving.settings import Settings

    given = {"host": "127.0.0.1", "data_dir": arguments.data, "model_file": arguments.model}
    try:
        settings = Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise BadSettingsError(f"settings: {error}") from None
    detector = Detector.load(settings.model_file, sessions=settings.sessions)
    store, _ = open_store(settings)  # refuses here, in one line, what would be a traceback later
    store.database.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(settings, detector)
        server = Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="service")
        thread.start()
        try:
            while thread.is_alive() and not server.started:
                time.sleep(0.05)
            if not server.started:
                raise BadSettingsError("the service does not start; `parcelray serve` says why")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
