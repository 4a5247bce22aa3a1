"""`parcelray serve` refuses with the next step, and stops in order."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

import parcelray
from serving.services import open_store
from serving.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, StartServer


def test_a_taken_port_is_named(tmp_path: Path, tiny_model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ["serve", "--port", str(port), "--data", str(tmp_path), "--model", str(tiny_model_path)]
        assert parcelray.main(words) == 2
    message = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in message
    assert "--port" in message


def test_a_missing_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["serve", "--port", "0", "--data", str(tmp_path), "--model", str(tmp_path / "none.onnx")]
    assert parcelray.main(words) == 2
    assert "parcelray export" in capsys.readouterr().err


def test_settings_that_make_no_sense_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parcelray.main(["serve", "--port", "99999", "--data", str(tmp_path)]) == 2
    assert "port" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["across_px = [281]", 'operating_point = "none"'])
def test_scanners_that_make_no_sense_are_named_before_the_greeting(
    tmp_path: Path,
    tiny_model_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    line: str,
) -> None:
    file = tmp_path / "scanners.toml"
    file.write_text(f"[hub-3]\n{line}\n")
    monkeypatch.setenv("PARCELRAY_SCANNERS_FILE", str(file))
    words = ["serve", "--port", "0", "--data", str(tmp_path), "--model", str(tiny_model_path)]
    assert parcelray.main(words) == 2
    printed = capsys.readouterr()
    assert "hub-3" in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


@pytest.mark.parametrize("content", [b"this is no database, but long enough to be looked at" * 20, None])
def test_a_store_that_cannot_be_opened_is_named(
    tmp_path: Path, tiny_model_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "parcelray.sqlite"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    words = ["serve", "--port", "0", "--data", str(tmp_path), "--model", str(tiny_model_path)]
    assert parcelray.main(words) == 2
    said = capsys.readouterr().err
    assert "parcelray.sqlite" in said
    assert "--data" in said


def test_a_store_of_newer_software_is_left_alone(
    tmp_path: Path, tiny_model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, _ = open_store(Settings(data_dir=tmp_path))
    with store.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    store.database.close()
    words = ["serve", "--port", "0", "--data", str(tmp_path), "--model", str(tiny_model_path)]
    assert parcelray.main(words) == 2
    assert "r9999" in capsys.readouterr().err


def test_scans_outlive_an_orderly_stop(start_server: StartServer, make_png: PngMaker, tmp_path: Path) -> None:
    server = start_server(tmp_path)
    answer = server.client.post("/v1/scans", content=make_png(20), headers={"Content-Type": "image/png"})
    assert server.stop() == 0
    server = start_server(tmp_path)
    assert server.client.get(answer.headers["Location"]).text == answer.text
    assert server.stop() == 0
