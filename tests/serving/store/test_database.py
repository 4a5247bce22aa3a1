"""What is committed reaches the database file without its writers' doing."""

from __future__ import annotations

import shutil
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from serving.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.conftest import Wait


def _has(file: Path, table: str) -> bool:
    """Say whether a table is in the file, without its log."""
    copy = shutil.copy(file, file.with_name("copy.db"))
    connection = sqlite3.connect(copy)
    try:
        return (table,) in connection.execute("SELECT name FROM sqlite_master").fetchall()
    finally:
        connection.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An open, empty database in the file scans.db."""
    database = Database(f"sqlite:///{tmp_path / 'scans.db'}")
    yield database
    database.close()


def test_the_log_is_written_back_while_the_database_is_open(database: Database, tmp_path: Path, wait: Wait) -> None:
    for name in ("mark_1", "mark_2"):  # once is not enough: it goes on
        with database.writing() as session:
            session.execute(text(f"CREATE TABLE {name} (a)"))
        wait(partial(_has, tmp_path / "scans.db", name))


def test_the_log_is_emptied_once_its_last_reader_has_gone(database: Database, tmp_path: Path) -> None:
    log = tmp_path / "scans.db-wal"
    with database.writing() as session:
        session.execute(text("CREATE TABLE mark (a)"))
    with database.reading() as reader:
        reader.scalar(text("SELECT count(*) FROM mark"))
        with database.writing() as session:
            session.execute(text("INSERT INTO mark VALUES ('secret')"))
        database.empty_log()
        assert log.stat().st_size > 0, "its snapshot is in there"
        assert reader.scalar(text("SELECT count(*) FROM mark")) == 0
    database.empty_log()
    assert log.stat().st_size == 0
    with database.writing() as session:
        session.execute(text("INSERT INTO mark VALUES ('more')"))
    with database.reading() as reader:
        assert reader.scalar(text("SELECT count(*) FROM mark")) == 2


def test_one_reader_who_stays_holds_up_no_writer(database: Database, tmp_path: Path, wait: Wait) -> None:
    with database.writing() as session:
        session.execute(text("CREATE TABLE mark (a)"))
    with database.reading() as reader:
        assert reader.scalar(text("SELECT count(*) FROM mark")) == 0
        for at in range(50):
            with database.writing() as session:
                session.execute(text("INSERT INTO mark VALUES (:at)"), {"at": at})
        assert reader.scalar(text("SELECT count(*) FROM mark")) == 0, "its snapshot stays"
    wait(partial(_has, tmp_path / "scans.db", "mark"))
    with database.reading() as reader:
        assert reader.scalar(text("SELECT count(*) FROM mark")) == 50
