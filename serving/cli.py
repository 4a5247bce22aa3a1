"""`parcelray serve`: starts the HTTP service and the review desk on embedded defaults."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import signal
import socket
import sys
from pathlib import Path
from typing import Final

__all__ = ["add_arguments", "run"]

_SWITCH_S: Final = 0.001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray serve`; what is not given comes from PARCELRAY_ variables or defaults."""
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1: this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8000; 0 takes a free one)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the store (default ./parcelray-data)")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="model file, or the name of a shipped one: parcelray-nano-int8 (default), parcelray-nano (float32)",
    )
    parser.add_argument("--sessions", type=int, metavar="N", help="inferences at the same time (default: CPU cores)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped; returns 2 when the port is taken or the model is missing."""
    import uvicorn

    from serving.access.keys import KeyStore
    from serving.app import create_app
    from serving.connections import MAX_HEAD_BYTES, allow_many, connection_protocol
    from serving.errors import BadSettingsError
    from serving.logs import configure
    from serving.model_swap import load_chosen
    from serving.monitor.known import load_known
    from serving.monitor.runner import folder_of
    from serving.scanners import load_scanners
    from serving.server import Server
    from serving.services import open_store
    from serving.settings import settings_from
    from serving.tracing import open_tracing

    given = {
        "host": arguments.host,
        "port": arguments.port,
        "data_dir": arguments.data,
        "model_file": arguments.model,
        "sessions": arguments.sessions,
    }
    if arguments.sessions is None and "PARCELRAY_SESSIONS" not in os.environ:
        given["sessions"] = _usable_cores()
    settings = settings_from(given)
    configure(settings.log_format)
    listener = _listen(settings.host, settings.port)
    with listener:
        detector = load_chosen(settings)
        store, _ = open_store(settings)  # refuses here, in one line, what would be a traceback later
        has_keys = KeyStore(store.database).ever_made()
        store.database.close()
        open_tracing(settings).close()
        load_scanners(settings).check(detector)
        if settings.monitor_every_s is not None:
            load_known(folder_of(settings))
        if not has_keys and not settings.on_loopback:
            raise BadSettingsError(
                f"{settings.host} can be reached from other machines, and there are no keys; make one first "
                f"(parcelray keys create --name NAME --scope admin --data {shlex.quote(str(settings.data_dir))}), "
                "or leave --host out to try it on this machine only"
            )
        app = create_app(settings, detector)
        # Addresses of requests hold item ids: no access log.
        allow_many()
        config = uvicorn.Config(
            app,
            loop="asyncio",  # others may be installed; this one is tested
            http=connection_protocol(settings.receive_timeout_s),
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            log_config=None,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=30,
        )
        server = Server(config)
        print(_greeting(settings.host, listener.getsockname()[1], settings.data_dir, demo=not has_keys), flush=True)
        # What is there now stays: looking through it again and again would hold up answers for tens of milliseconds.
        gc.collect()
        gc.freeze()
        # Each statement of a transaction waits so long for the interpreter when the loop is busy (5 ms else).
        sys.setswitchinterval(_SWITCH_S)
        # uvicorn stops in order, then raises the signal again; for a service manager that is a clean end.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.run(sockets=[listener])
    return 0 if server.started else 2


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named: else every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # who connects on reading the greeting waits for the first answer, and is not refused
    except OSError as error:
        listener.close()
        raise OSError(
            f"cannot listen on {host}:{port} ({error.strerror}); stop what uses the port or choose another with --port"
        ) from error
    return listener


def _greeting(host: str, port: int, data: Path, *, demo: bool) -> str:
    from importlib.resources import files

    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{port}"
    sample = files("detector") / "samples" / "scan.png"
    image = sample if sample.is_file() else "SCAN.png"
    key = "" if demo else "-H 'Authorization: Bearer KEY' "
    access = (
        "DEMO MODE: NO KEYS, SO WHOEVER CAN USE THIS MACHINE CAN READ AND WRITE EVERYTHING.\n"
        "The first key ends it at once: "
        f"parcelray keys create --name NAME --scope admin --data {shlex.quote(str(data))}\n"
        if demo
        else ""
    )
    return (
        f"ParcelRay serves on {url}\n"
        f"  review desk  {url}/review\n"
        f"  live         {url}/live\n"
        f"  metrics      {url}/metrics\n"
        f"  OpenAPI      {url}/v1/openapi.json\n"
        f"  data         {data.resolve()}\n"
        f"Try it:\n"
        f"  curl -sS {key}-H 'Content-Type: image/png' --data-binary {shlex.quote(f'@{image}')} {url}/v1/scans\n"
        f"{access}"
        "Stop with Ctrl-C."
    )
