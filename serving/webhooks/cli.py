"""`parcelray webhooks`: add, list and remove receivers of events; look at what they have not got, and try it again."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from serving.cli_store import add_store_arguments, opened, store_settings

if TYPE_CHECKING:
    from serving.settings import Settings
    from serving.store.outbox import Outbox

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray webhooks`; a running service takes up every change by itself."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="post events to a receiver; prints the secret of its signatures, this once")
    add.add_argument("url", metavar="URL", help="https://... or http://...")
    add.add_argument(
        "--events", default="verdict,late_verdict,review", metavar="LIST", help="with commas (default: %(default)s)"
    )
    add.add_argument(
        "--scanner", action="append", default=[], metavar="ID", help="of this scanner only; may be repeated"
    )
    listing = actions.add_parser("list", help="list receivers and how many events they have not got")
    dead = actions.add_parser("dead", help="list the newest dead letters: events that were given up")
    dead.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default %(default)s)")
    retry = actions.add_parser("retry", help="try again: one delivery, or all dead letters of a receiver")
    retry.add_argument("id", metavar="ID", help="of the delivery or the receiver")
    remove = actions.add_parser("remove", help="remove a receiver with all that it has not got")
    remove.add_argument("id", metavar="ID", help="of the receiver")
    for action in (add, listing, dead, retry, remove):
        add_store_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    """Do one action; returns 1 when nothing has the id."""
    from serving.store.outbox import Outbox

    settings = store_settings(arguments)
    with opened(settings) as (store, _):
        outbox = Outbox(store.database)
        if arguments.action == "add":
            return _add(outbox, settings, arguments)
        if arguments.action == "list":
            return _list(outbox)
        if arguments.action == "dead":
            return _dead(outbox, arguments.limit)
        if arguments.action == "remove":
            done = outbox.remove(arguments.id)
            said = f"removed {arguments.id}"
        else:
            count = outbox.retry(arguments.id)
            done, said = count is not None, f"{count} to deliver again"
    if not done:
        print(f"parcelray webhooks: nothing has the id {arguments.id!r}; see: parcelray webhooks list", file=sys.stderr)
        return 1
    print(said)
    return 0


def _add(outbox: Outbox, settings: Settings, arguments: argparse.Namespace) -> int:
    from serving.events.schema import EventType
    from serving.webhooks.adding import add_endpoint

    words = {word.strip() for word in arguments.events.split(",")}
    if words - set(EventType):
        print(f"parcelray webhooks: --events takes {', '.join(EventType)}; got {arguments.events!r}", file=sys.stderr)
        return 2
    events = {EventType(word) for word in words}
    endpoint = add_endpoint(outbox, settings.webhook_networks, arguments.url, events, set(arguments.scanner))
    # Only the secret on stdout, so that a script can take it from there.
    print(f"Endpoint {endpoint.id}. Keep the secret: it checks the signatures and is not shown again.", file=sys.stderr)
    print(endpoint.secret)
    return 0


def _list(outbox: Outbox) -> int:
    counts = outbox.counts()
    print(f"{'id':12}  {'pending':>7}  {'dead':>5}  {'last delivered':19}  {'events':27}  url")
    for one in outbox.endpoints():
        last = f"{one.delivered_at:%Y-%m-%d %H:%M:%S}" if one.delivered_at else "never"
        pending, dead = counts.get((one.id, "pending"), 0), counts.get((one.id, "dead"), 0)
        off = "  (disabled: it answered 410 Gone; see retry)" if one.disabled_at else ""
        scanners = f"  of {', '.join(one.scanners)}" if one.scanners else ""
        print(f"{one.id}  {pending:7}  {dead:5}  {last:19}  {','.join(one.events):27}  {one.url}{scanners}{off}")
    return 0


def _dead(outbox: Outbox, limit: int) -> int:
    for one in outbox.deliveries("dead", limit=limit):
        what = f"{one.kind} of scan {one.scan_id}, {one.attempts} tries"
        print(f"{one.id}  {one.created_at:%Y-%m-%d %H:%M:%S}  to {one.endpoint_id}  {what}: {one.error}")
    return 0
