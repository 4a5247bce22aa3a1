"""`parcelray keys`: create, list and revoke the API keys of a service."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.access.keys import KeyStore

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `parcelray keys`; the store is found as `parcelray serve` finds it."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key and print it, this once")
    create.add_argument("--name", required=True, help="whose key it is: a lane, a person, a system")
    create.add_argument(
        "--scope",
        required=True,
        help="with commas between them: scanner posts scans and reads them back; reviewer works at the desk; "
        "trainer exports reviewed scans; admin does everything",
    )
    create.add_argument(
        "--requests-per-minute", type=int, metavar="N", help="limit of this key (default: the service's)"
    )
    listing = actions.add_parser("list", help="list keys, revoked ones too")
    revoke = actions.add_parser("revoke", help="end a key and its sessions from the next request on")
    revoke.add_argument("id", help="the key's id: the first 12 digits after prk_, as in the list")
    for action in (create, listing, revoke):
        action.add_argument("--data", type=Path, metavar="DIR", help="folder of the store (default ./parcelray-data)")


def run(arguments: argparse.Namespace) -> int:
    """Do one action; returns 1 when there is no such key, 2 when the arguments make no sense."""
    from contextlib import closing

    from serving.access.keys import KeyStore
    from serving.services import open_store
    from serving.settings import Settings, settings_from

    settings: Settings = settings_from({"data_dir": arguments.data})
    store, _ = open_store(settings)
    with closing(store.database):
        keys = KeyStore(store.database)
        if arguments.action == "create":
            return _create(keys, arguments)
        if arguments.action == "revoke":
            key = keys.revoke(arguments.id)
            if key is None:
                print(f"parcelray keys: no key {arguments.id!r}; see: parcelray keys list", file=sys.stderr)
                return 1
            print(f"revoked {key.id} ({key.name})")
            return 0
        print(f"{'id':12}  {'scopes':20}  {'created':16}  {'revoked':16}  name")
        for key in keys.all():
            revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "-"
            print(f"{key.id}  {','.join(key.scopes):20}  {key.created_at:%Y-%m-%d %H:%M}  {revoked:16}  {key.name}")
    return 0


def _create(keys: KeyStore, arguments: argparse.Namespace) -> int:
    from serving.access.keys import Scope

    known = {scope.value for scope in Scope}
    wanted = {word.strip() for word in arguments.scope.split(",")}
    if wanted - known:
        print(f"parcelray keys: --scope takes {', '.join(Scope)}; got {arguments.scope!r}", file=sys.stderr)
        return 2
    name = arguments.name.strip()
    if not (1 <= len(name) <= 128 and name.isprintable()):
        print("parcelray keys: --name takes 1 to 128 printable characters", file=sys.stderr)
        return 2
    limit = arguments.requests_per_minute
    if limit is not None and not 1 <= limit <= 1_000_000:
        print("parcelray keys: --requests-per-minute takes 1 to 1000000", file=sys.stderr)
        return 2
    key, text = keys.create(name, [Scope(word) for word in wanted], requests_per_minute=limit)
    # Only the key on stdout, so that a script can take it from there.
    print(
        f"Key {key.id} for {key.name}. Keep it now: only its hash is stored. Send it with each request as",
        file=sys.stderr,
    )
    print("  Authorization: Bearer KEY", file=sys.stderr)
    print(text)
    return 0
