"""Keys: through the command line, and what is stored of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import parcelray
from serving.access.keys import KeyStore, Scope
from serving.access.rates import RateLimiter
from serving.services import open_store
from serving.settings import Settings


def make(data: Path, capsys: pytest.CaptureFixture[str], *more: str, scope: str = "scanner") -> str:
    words = ["keys", "create", "--name", "lane A", "--scope", scope, "--data", str(data), *more]
    assert parcelray.main(words) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = make(tmp_path, capsys, scope="scanner, reviewer")
    key_id = text.split("_")[1]
    assert parcelray.main(["keys", "list", "--data", str(tmp_path)]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert key_id in line
    assert "reviewer,scanner" in line
    assert "lane A" in line
    store, _ = open_store(Settings(data_dir=tmp_path))
    keys = KeyStore(store.database)
    found = keys.by_text(text)
    assert found is not None
    assert found.scopes == [Scope.REVIEWER, Scope.SCANNER]
    assert parcelray.main(["keys", "revoke", key_id, "--data", str(tmp_path)]) == 0
    assert keys.by_text(text) is None
    assert keys.ever_made(), "to revoke the last key must not open the service"
    store.database.close()


def test_only_hashes_are_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = make(tmp_path, capsys).split("_")[2]
    with sqlite3.connect(tmp_path / "parcelray.sqlite") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "lane A" in dump
    assert secret not in dump


def test_what_is_not_quite_the_key_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = make(tmp_path, capsys)
    other = make(tmp_path, capsys)
    store, _ = open_store(Settings(data_dir=tmp_path))
    keys = KeyStore(store.database)
    mixed = "_".join([*text.split("_")[:2], other.split("_")[2]])
    for wrong in ("", text[:-1], text.upper(), text + "0", mixed, "prk_x_y", text.replace("prk", "abc"), "\x00" * 81):
        assert keys.by_text(wrong) is None
    store.database.close()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--scope", "root"], "scanner"),
        (["--scope", "admin", "--requests-per-minute", "0"], "--requests-per-minute"),
    ],
)
def test_arguments_that_make_no_sense_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert parcelray.main(["keys", "create", "--name", "x", "--data", str(tmp_path), *more]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_id_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parcelray.main(["keys", "revoke", "nobody", "--data", str(tmp_path)]) == 1
    assert "keys list" in capsys.readouterr().err


def test_a_bucket_holds_ten_seconds_and_refills() -> None:
    now = 0.0
    rates = RateLimiter(lambda: now)
    assert [rates.wait_s("a", 60) for _ in range(10)] == [0.0] * 10
    assert rates.wait_s("a", 60) == pytest.approx(1.0)
    assert rates.wait_s("b", 60) == 0, "another key has its own bucket"
    now = 1.0
    assert rates.wait_s("a", 60) == 0
    assert rates.wait_s("a", 60) == pytest.approx(1.0)
    now = 1000.0
    assert sum(rates.wait_s("a", 60) == 0 for _ in range(100)) == 10
