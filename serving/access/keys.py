"""API keys and sessions of people, stored as hashes.

A key reads `prk_ID_SECRET`. Its secret has 256 random bits, so nobody can guess it, and one SHA-256 of it is all that
is stored: slow hashes protect what people choose, which has far fewer bits, and would cost time in every request.
A session is such a secret too, in a cookie; it ends with its key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select

from serving.store.database import Database
from serving.store.models import AccessKey, SignIn

__all__ = ["KeyStore", "Scope"]

_KEY: Final = re.compile(r"prk_([0-9a-f]{12})_([0-9a-f]{64})")
_SESSION: Final = re.compile(r"[0-9a-f]{64}")
_ANY_KEY: Final = select(AccessKey.__table__.c.id).limit(1)


class Scope(StrEnum):
    """What a key may be used for; `admin` may do everything."""

    SCANNER = "scanner"
    REVIEWER = "reviewer"
    TRAINER = "trainer"
    ADMIN = "admin"


class KeyStore:
    """Keys and sessions in a database. All methods block; call them from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, name: str, scopes: Collection[Scope], *, requests_per_minute: int | None = None
    ) -> tuple[AccessKey, str]:
        """Make a key; its text is returned this once and cannot be read again."""
        secret = secrets.token_hex(32)
        key = AccessKey(
            id=secrets.token_hex(6),
            name=name,
            secret_sha256=_hash(secret),
            scopes=sorted(scope.value for scope in scopes),
            requests_per_minute=requests_per_minute,
            created_at=datetime.now(UTC),
        )
        with self._database.writing() as session:
            session.add(key)
        return key, f"prk_{key.id}_{secret}"

    def all(self) -> Sequence[AccessKey]:
        """Return every key, revoked ones too, oldest first."""
        with self._database.reading() as session:
            return session.scalars(select(AccessKey).order_by(AccessKey.created_at, AccessKey.id)).all()

    def ever_made(self) -> bool:
        """Return whether a key was ever made: to revoke the last one must not open the service."""
        with self._database.reading() as session:
            # Asked in every request of the demo mode: past the session's own bookkeeping, straight to the database.
            return session.connection().execute(_ANY_KEY).first() is not None

    def revoke(self, key_id: str) -> AccessKey | None:
        """End a key and its sessions from the next request on; returns None when there is no such key."""
        with self._database.writing() as session:
            key = session.get(AccessKey, key_id)
            if key is not None:
                key.revoked_at = key.revoked_at or datetime.now(UTC)
                session.execute(delete(SignIn).where(SignIn.key_id == key_id))
            return key

    def by_text(self, text: str) -> AccessKey | None:
        """Return the key that reads so, if it is one and not revoked."""
        match = _KEY.fullmatch(text)
        if match is None:
            return None
        with self._database.reading() as session:
            key = session.get(AccessKey, match[1])
        same = hmac.compare_digest(key.secret_sha256 if key else "", _hash(match[2]))
        return key if key and same and key.revoked_at is None else None

    def sign_in(self, key: AccessKey, lifetime: timedelta) -> str:
        """Begin a session and return its secret; sessions that ran out are forgotten."""
        secret, now = secrets.token_hex(32), datetime.now(UTC)
        with self._database.writing() as session:
            session.execute(delete(SignIn).where(SignIn.expires_at <= now))
            session.add(SignIn(secret_sha256=_hash(secret), key_id=key.id, expires_at=now + lifetime))
        return secret

    def by_session(self, secret: str) -> AccessKey | None:
        """Return the key that a session was begun with, if both still hold."""
        if _SESSION.fullmatch(secret) is None:
            return None
        query = (
            select(AccessKey)
            .join(SignIn, SignIn.key_id == AccessKey.id)
            .where(SignIn.secret_sha256 == _hash(secret), SignIn.expires_at > datetime.now(UTC))
            .where(AccessKey.revoked_at.is_(None))
        )
        with self._database.reading() as session:
            return session.scalar(query)

    def sign_out(self, secret: str) -> None:
        """End a session."""
        with self._database.writing() as session:
            session.execute(delete(SignIn).where(SignIn.secret_sha256 == _hash(secret)))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
