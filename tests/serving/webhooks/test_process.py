"""Webhooks of real processes: killed while they deliver, led by the command line, over TLS."""

from __future__ import annotations

import datetime as dt
import os
import ssl
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import parcelray
from serving.client import verify_webhook
from serving.services import open_store
from serving.settings import Settings
from serving.store.scans import verify_chain

if TYPE_CHECKING:
    from tests.serving.conftest import PngMaker, Server, StartServer, Wait
    from tests.serving.webhooks.conftest import Receive, Receiver

PNG = {"Content-Type": "image/png"}
KILLS = 2


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services of these tests may post to loopback, and do not wait long."""
    monkeypatch.setenv("PARCELRAY_WEBHOOK_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("PARCELRAY_WEBHOOK_FIRST_WAIT_S", "0.1")
    monkeypatch.setenv("PARCELRAY_WEBHOOK_TIMEOUT_S", "1")


def run(capsys: pytest.CaptureFixture[str], data: Path, *words: str, code: int = 0) -> tuple[str, str]:
    assert parcelray.main(["webhooks", *words, "--data", str(data)]) == code
    said = capsys.readouterr()
    return said.out.strip(), said.err


def post(server: Server, png: bytes) -> str:
    answer = server.client.post("/v1/scans", content=png, headers=PNG)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def has_more(receiver: Receiver, than: int) -> bool:
    return len(receiver.got) > than


@pytest.mark.slow
def test_no_event_is_lost_when_the_service_is_killed_while_it_delivers(
    start_server: StartServer, receive: Receive, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    scans: list[str] = []
    with receive() as receiver:
        server = start_server(tmp_path)
        secret = server.client.post("/v1/webhooks", json={"url": receiver.url}).json()["secret"]
        for kill in range(KILLS):
            # The first one is never answered: the service is killed while it waits, and the others queue behind.
            receiver.behaviours[:] = ["hang", "500", "hang", "204", "hang", "hang"]
            more = partial(has_more, receiver, len(receiver.got))
            scans += [post(server, make_png(20, mark=10 * kill + mark)) for mark in range(6)]
            wait(more)
            server.kill()
            receiver.behaviours.clear()
            server = start_server(tmp_path)
        wait(lambda: not any(one["pending"] for one in server.client.get("/v1/webhooks").json()["items"]))
        assert server.stop() == 0
    events = {headers["webhook-id"]: verify_webhook(body, headers, secret) for headers, body in receiver.got}
    assert sorted(event.scan_id for event in events.values()) == sorted(scans), "one id for each, however often it came"
    store, images = open_store(Settings(data_dir=tmp_path))
    assert verify_chain(store, images).problems == ()
    store.database.close()


@pytest.mark.slow
def test_the_command_line_leads_a_running_service(  # noqa: PLR0917 - pytest gives them by name
    start_server: StartServer,
    receive: Receive,
    make_png: PngMaker,
    wait: Wait,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = partial(run, capsys, tmp_path)
    assert "no store" in command("list", code=2)[1]
    server = start_server(tmp_path)
    with receive("410") as receiver:
        _, said = command("add", "http://192.168.7.7/", code=2)
        assert "PARCELRAY_WEBHOOK_NETWORKS" in said
        assert "--events takes verdict" in command("add", receiver.url, "--events", "nothing", code=2)[1]
        secret, said = command(
            "add",
            receiver.url,
            "--events",
            "verdict",
        )
        assert secret.startswith("whsec_")
        (endpoint,) = server.client.get("/v1/webhooks").json()["items"]
        assert endpoint["id"] in said
        scan = post(server, make_png(20))
        wait(lambda: receiver.got)
        wait(lambda: server.client.get("/v1/webhooks").json()["items"][0]["dead"])
        assert "410 Gone" in command("list")[0]
        listed, _ = command("dead")
        assert scan in listed
        assert "status 410" in listed
        assert command("retry", endpoint["id"]) == ("1 to deliver again", "")
        wait(lambda: len(receiver.got) == 2)
        assert command("remove", endpoint["id"])[0] == f"removed {endpoint['id']}"
    assert "nothing has the id" in command("retry", endpoint["id"], code=1)[1]
    assert server.stop() == 0


def authority(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's context with a certificate for a name; `name`.pem is what those who trust it need."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / f"{name}.pem", folder / f"{name}.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context


@pytest.mark.slow
def test_over_tls_the_certificate_has_to_be_the_names(  # noqa: PLR0917 - pytest gives them by name
    start_server: StartServer,
    receive: Receive,
    make_png: PngMaker,
    wait: Wait,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection goes to an address that was looked up; the name is what the certificate is for."""
    right, wrong = authority(tmp_path, "localhost"), authority(tmp_path, "other.example")
    trusted = tmp_path / "both.pem"
    trusted.write_bytes(b"".join((tmp_path / f"{name}.pem").read_bytes() for name in ("localhost", "other.example")))
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(trusted))
    monkeypatch.setenv("PARCELRAY_WEBHOOK_ATTEMPTS", "1")
    server = start_server(tmp_path / "data")
    with receive(tls=right) as good, receive(tls=wrong) as bad:
        for receiver in (good, bad):
            port = receiver.url.rsplit(":", 1)[1]
            made = server.client.post("/v1/webhooks", json={"url": f"https://localhost:{port}"})
            assert made.status_code == 201, made.text
        post(server, make_png(20))
        wait(lambda: good.got and server.client.get("/v1/webhooks/deliveries").json()["items"])
        (letter,) = server.client.get("/v1/webhooks/deliveries").json()["items"]
    assert "certificate" in letter["error"]
    assert good.got[0][0]["Host"] == f"localhost:{good.url.rsplit(':', 1)[1].split('/')[0]}"
    assert bad.got == []
    assert server.stop() == 0
