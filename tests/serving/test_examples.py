"""The integrator's page, word for word: its curl and Python parts against a running service."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pydicom
import pytest
from standardwebhooks import Webhook

from serving.events.schema import Event, WebhookBody

if TYPE_CHECKING:
    from tests.serving.conftest import Server, Wait

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "serving" / "examples" / "README.md").read_text("utf-8")


def parts(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the sample files where the page expects them."""
    shutil.copytree(ROOT / "detector" / "samples", tmp_path / "detector" / "samples")
    return tmp_path


def run(place: Path, server: Server, *command: str) -> str:
    # `PYTHONPATH` stands for an installed package.
    environment = {**os.environ, "PARCELRAY_URL": server.url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_parts_get_answers(place: Path, server: Server) -> None:
    raw, multipart, dicos, *_ = parts("sh")
    scan = json.loads(run(place, server, "bash", "-ec", raw))
    assert (scan["item_id"], scan["scanner_id"], len(scan["views"])) == ("RR473124829CA", "scanner7", 1)
    assert json.loads(run(place, server, "bash", "-ec", raw))["id"] == scan["id"], "the key makes it one scan"
    scan = json.loads(run(place, server, "bash", "-ec", multipart))
    assert [view["name"] for view in scan["views"]] == ["top", "side"]
    assert (scan["lane"], scan["budget_ms"]) == ("3", 2000)
    run(place, server, "bash", "-ec", dicos)
    answer = json.loads((place / "answer.json").read_text())
    tdr = pydicom.dcmread(place / "report.dcs")
    assert tdr.Modality == "TDR"
    assert tdr.PatientID == answer["item_id"] == "RR473124829CA"


def test_the_python_part_gets_an_answer_and_a_report(place: Path, server: Server) -> None:
    code, *_ = parts("python")
    said = run(place, server, sys.executable, "-W", "error", "-c", code)
    # The tiny model of the tests sees a light picture; the shipped one finds what lies in it.
    assert said.split()[0] in ("alarm", "clear", "refer")
    assert "refer:" not in said
    assert pydicom.dcmread(place / "report.dcs").PatientID == "RR473124829CA"


@contextmanager
def running(place: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A command that ends only when it is ended."""
    everything = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with subprocess.Popen(command, cwd=place, env=everything, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_the_stream_parts_follow_events(place: Path, server: Server, wait: Wait) -> None:
    raw, _, _, follow, _ = parts("sh")
    scan = json.loads(run(place, server, "bash", "-ec", raw))
    with running(place, "bash", "-ec", "exec " + follow, PARCELRAY_URL=server.url) as curl:
        assert curl.stdout is not None
        assert any(scan["id"] in line for line in curl.stdout)
    _, code, _ = parts("python")
    with running(place, sys.executable, "-W", "error", "-c", code, PARCELRAY_URL=server.url) as reader:
        assert reader.stdout is not None
        assert any(scan["id"] in line for line in reader.stdout)
        wait((place / "last-event").exists)
    assert int((place / "last-event").read_text()) > 0


def test_the_webhook_parts_check_signatures(place: Path) -> None:
    secret, body = "whsec_" + base64.b64encode(bytes(range(32))).decode(), json.dumps(webhook())
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("msg-1", now, body)
    headers = {"webhook-id": "msg-1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    *_, by_hand = parts("sh")
    (place / "body.json").write_text(body, "utf-8")
    names = {"id": "msg-1", "timestamp": headers["webhook-timestamp"], "PARCELRAY_WEBHOOK_SECRET": secret}
    with running(place, "bash", "-ec", by_hand, **names) as openssl:
        assert openssl.communicate(timeout=60)[0].strip() == signature
    *_, code = parts("python")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    receiver = running(place, sys.executable, "-c", code, PORT=port, PARCELRAY_WEBHOOK_SECRET=secret)
    with receiver as process, httpx.Client(transport=httpx.HTTPTransport(retries=9), timeout=60) as client:
        url = f"http://127.0.0.1:{port}/"
        assert client.post(url, content=body, headers=headers).status_code == 204
        assert client.post(url, content=body + " ", headers=headers).status_code == 401
        assert client.post(url, content=body).status_code == 401
        assert process.stdout is not None
        assert process.stdout.readline().split()[:2] == ["msg-1", "verdict"]


def webhook() -> dict[str, Any]:
    """The body that the page shows."""
    (shown,) = parts("json")
    body = dict(json.loads(shown))
    assert WebhookBody.model_validate(body).model_dump(mode="json").keys() == body.keys()
    assert Event.model_fields.keys() == body["data"].keys()
    return body


def test_the_webhook_commands_exist() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "parcelray", "webhooks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for action in re.findall(r"^parcelray webhooks (\w+)", PAGE, re.MULTILINE):
        assert f"    {action} " in asked


def test_the_hot_folder_part_has_options_that_exist() -> None:
    command = re.search(r"^parcelray (watch .*)$", PAGE, re.MULTILINE)
    assert command
    asked = subprocess.run(
        [sys.executable, "-m", "parcelray", "watch", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    options = re.findall(r"--[a-z-]+", PAGE[PAGE.index("## A hot folder") :])
    assert options
    assert not [option for option in options if option not in asked]
