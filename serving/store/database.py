"""Engine, pragmas and schema: opening a database leaves it at the newest schema, or says that it is not there.

What SQLite and PostgreSQL need to mean the same: a reader sees one snapshot (WAL; REPEATABLE READ), writers take turns
(BEGIN IMMEDIATE; the lock on the evidence head), and two processes that start together migrate one after the other
(BEGIN IMMEDIATE; an advisory lock).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from serving.errors import BadSettingsError

__all__ = ["Database"]

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_CONNECT_S: Final = 5
_BUSY_MS: Final = 10_000
# A machine that lost its power says no goodbye; by default that is noticed after two hours.
_NOTICE_LOSS: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# SQLite's own checkpoint is made by whoever writes so many pages, while others wait: only where ours have failed, or
# never quite caught up with the writers.
_LAST_CHECKPOINT_PAGES: Final = 32_000  # 125 MiB
_CHECKPOINT_EVERY_S: Final = 1.0
_EMPTY_TRIES: Final = 20
_EMPTY_EVERY_S: Final = 0.05
# Any number that no other program on the same database takes for its own.
_MIGRATION_LOCK: Final = 0x7061_7263_656C
_log = logging.getLogger("parcelray.serving")


class Database:
    """One engine; sessions that read and sessions that write."""

    def __init__(self, url: str, *, migrate: bool = True) -> None:
        """Connect and bring the schema up to date.

        Raises:
            BadSettingsError: `migrate` is false and the schema is not the newest.
            SQLAlchemyError: the database does not answer.
            CommandError: the schema is newer than this software.
        """
        # Called, in the writer's thread, after each write of this process, with what its session noted.
        self.on_write: list[Callable[[Mapping[Any, Any]], None]] = []
        self._engine = _engine(url)
        self._reader = self._engine
        self._turn: AbstractContextManager[object] = nullcontext()
        self._checkpoints: _Checkpoints | None = None
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _on_connect)
            event.listen(self._engine, "begin", _on_begin)
            # Threads that met at the file would sleep up to 100 ms before they looked again whether it is free.
            self._turn = threading.Lock()
        else:
            # Without this every statement of one session would see another state.
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._writer = self._engine.execution_options(parcelray_writes=True)
        try:
            self.migrated = _migrate(self._writer, apply=migrate)
        except BaseException:
            self._engine.dispose()
            raise
        if self._engine.dialect.name == "sqlite":
            self._checkpoints = _Checkpoints(self._engine)

    @property
    def writers(self) -> int:
        """How many threads may be of use to write at the same time; with SQLite they would only hand on the turn."""
        return 4 if self._checkpoints is None else 1

    def empty_log(self) -> None:
        """Write SQLite's log back and empty it: what was deleted can still be read there.

        One who reads for long puts it off until this is called again.
        """
        if self._checkpoints is None:
            return
        for _ in range(_EMPTY_TRIES):
            self._checkpoints.write_back()  # so that little is left for the writers to wait for
            with self._turn:
                if self._checkpoints.empty_log():
                    return
            time.sleep(_EMPTY_EVERY_S)
        _log.warning("the log of the database cannot be emptied now; what was erased can be read in it until it is")

    def close(self) -> None:
        """Close every connection."""
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session on one consistent snapshot."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are durable when the block ends without an error."""
        with self._turn, Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session
        if self._checkpoints is not None:
            self._checkpoints.due.set()
        for tell in self.on_write:
            tell(session.info)


class _Checkpoints:
    """Moves what was written from SQLite's log into the database file, beside the writers instead of in their time.

    What is committed is durable in the log; who commits need not wait for the file.
    """

    def __init__(self, engine: Engine) -> None:
        self.due = threading.Event()
        self._engine = engine
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the one that is being made; closing the last connection makes another."""
        self._closing.set()
        self.due.set()
        self._thread.join()

    def empty_log(self) -> bool:
        """Return whether the log could be written back and emptied at once, with nobody waiting for readers."""
        with closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error:  # a full disk, say
                return False
            finally:
                cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        return not busy

    def write_back(self) -> None:
        """Write the log back as far as nobody has to wait for it."""
        try:
            with closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except Exception:  # noqa: BLE001 - a full disk, say: whoever writes is told of it
            _log.warning("no checkpoint could be made; the log of the database grows until one can")

    def _work(self) -> None:
        while not self._closing.wait(_CHECKPOINT_EVERY_S):
            self.due.wait()
            self.due.clear()
            if self._closing.is_set():
                return
            self.write_back()


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        return create_engine(url)
    # A server that is gone must become an answer, not a thread that waits for ever.
    return create_engine(
        url, pool_pre_ping=True, pool_timeout=_CONNECT_S, connect_args={"connect_timeout": _CONNECT_S, **_NOTICE_LOSS}
    )


def _on_connect(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - any DBAPI's connection
    # SQLAlchemy, not the driver, says BEGIN: the driver's own would be deferred, and two writers could deadlock.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        f"wal_autocheckpoint={_LAST_CHECKPOINT_PAGES}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("parcelray_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine, *, apply: bool) -> tuple[str | None, str | None]:
    """Return the schema's revision before and after."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        before = MigrationContext.configure(connection).get_current_revision()
        if not apply:
            if before != newest:
                raise BadSettingsError(
                    f"the database has schema {before or 'none'}, this software needs {newest}; run: "
                    "parcelray db upgrade"
                )
            return before, before
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, newest
