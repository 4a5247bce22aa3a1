"""What is committed reaches the database file without its writers' doing."""

from __future__ import annotations

import shutil
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from serving.store.database import Database

if TYPE_CHECKING:
    from tests.serving.conftest import Wait


def _has(file: Path, table: str) -> bool:
    """Say whether a table is in the file, without its log."""
    copy = shutil.copy(file, file.with_name("copy.db"))
    connection = sqlite3.connect(copy)
    try:
        return (table,) in connection.execute("SELECT name FROM sqlite_master").fetchall()
    finally:
        connection.close()


def test_the_log_is_written_back_while_the_database_is_open(tmp_path: Path, wait: Wait) -> None:
    file = tmp_path / "scans.db"
    database = Database(f"sqlite:///{file}")
    try:
        for name in ("mark_1", "mark_2"):  # once is not enough: it goes on
            with database.writing() as session:
                session.execute(text(f"CREATE TABLE {name} (a)"))
            wait(partial(_has, file, name))
    finally:
        database.close()


def test_the_log_is_emptied_once_its_last_reader_has_gone(tmp_path: Path) -> None:
    file = tmp_path / "scans.db"
    log = tmp_path / "scans.db-wal"
    database = Database(f"sqlite:///{file}")
    try:
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
    finally:
        database.close()


def test_one_reader_who_stays_holds_up_no_writer(tmp_path: Path, wait: Wait) -> None:
    file = tmp_path / "scans.db"
    database = Database(f"sqlite:///{file}")
    try:
        with database.writing() as session:
            session.execute(text("CREATE TABLE mark (a)"))
        with database.reading() as reader:
            assert reader.scalar(text("SELECT count(*) FROM mark")) == 0
            for at in range(50):
                with database.writing() as session:
                    session.execute(text("INSERT INTO mark VALUES (:at)"), {"at": at})
            assert reader.scalar(text("SELECT count(*) FROM mark")) == 0, "its snapshot stays"
        wait(partial(_has, file, "mark"))
        with database.reading() as reader:
            assert reader.scalar(text("SELECT count(*) FROM mark")) == 50
    finally:
        database.close()
