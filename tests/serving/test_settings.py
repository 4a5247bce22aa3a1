"""Settings come from arguments or the environment, and each says what it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.settings import Settings


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description
    assert description.endswith(".")


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELRAY_BUDGET_MS", "250")
    monkeypatch.setenv("PARCELRAY_ALLOWED_HOSTS", "Desk.example, scans.example")
    assert Settings().budget_ms == 250
    assert Settings().hosts == ("desk.example", "scans.example")
    assert Settings(budget_ms=300).budget_ms == 300


def test_what_makes_no_sense_is_refused() -> None:
    for values in (
        {"budget_ms": 0},
        {"sessions": 0},
        {"port": 70_000},
        {"min_score": 2.0},
        {"no_such_setting": 1},
        {"database_url": "db"},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate(values)


def test_loopback_answers_to_loopback_names_only() -> None:
    assert "localhost" in Settings().hosts
    assert Settings(host="0.0.0.0").hosts == ()


def test_the_store_lies_in_the_data_folder_unless_a_url_is_given() -> None:
    assert Settings(data_dir=Path("x")).database == "sqlite:///x/parcelray.sqlite"
    assert Settings(database_url="postgresql+psycopg://db/x").database == "postgresql+psycopg://db/x"
