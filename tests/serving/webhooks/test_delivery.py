"""Webhooks of a running service to receivers that answer well, badly, slowly, or not at all."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from standardwebhooks import Webhook

from serving.client import BadSignatureError, verify_webhook
from serving.events.schema import Event
from serving.settings import Settings
from serving.webhooks.dispatcher import wait_before

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait
    from tests.serving.webhooks.conftest import Receive

PNG = {"Content-Type": "image/png"}
LOOPBACK = "127.0.0.0/8"


@pytest.fixture
def serve_hooks(serve: ServeInThread, fake: FakeDetector) -> Any:  # noqa: ANN401 - as `serve`, with settings
    """A service that may post to loopback and does not wait long between tries."""
    return partial(
        serve, fake, webhook_networks=LOOPBACK, webhook_first_wait_s=0.02, webhook_timeout_s=1.0, webhook_attempts=6
    )


def add(client: httpx.Client, url: str, **more: object) -> dict[str, Any]:
    made = client.post("/v1/webhooks", json={"url": url, **more})
    assert made.status_code == 201, made.text
    return dict(made.json())


def post(client: httpx.Client, png: bytes, **params: str) -> dict[str, Any]:
    answer = client.post("/v1/scans", content=png, headers=PNG, params=params)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def endpoint(client: httpx.Client) -> dict[str, Any]:
    (one,) = client.get("/v1/webhooks").json()["items"]
    return dict(one)


def test_verdicts_and_reviews_arrive_signed_and_hold_what_is_needed(
    serve_hooks: ServeInThread, receive: Receive, make_png: PngMaker, wait: Wait
) -> None:
    with serve_hooks() as client, receive() as receiver:
        made = add(client, receiver.url, scanners=["belt-1"])
        post(client, make_png(20, mark=1), scanner_id="belt-2")
        scan = post(client, make_png(20, mark=2), scanner_id="belt-1", item_id="RR473124829CA", lane="3")
        client.post(scan["links"]["reviews"], json={"decision": "reject", "reviewer": "Ada", "note": "a toy"})
        wait(lambda: len(receiver.got) == 2 and not endpoint(client)["pending"])
        assert endpoint(client)["delivered_at"]
        assert "secret" not in endpoint(client)
    by_type: dict[str, Event] = {}
    for headers, body in receiver.got:
        Webhook(made["secret"]).verify(body, dict(headers))  # any library of the standard reads them
        event = verify_webhook(body, headers, made["secret"])
        by_type[event.type.value] = event
        sent = json.loads(body)
        assert (sent["type"], sent["data"]["scan_id"]) == (event.type, scan["id"])
        assert headers["Content-Type"] == "application/json"
        assert "Ada" not in body.decode()
        assert "a toy" not in body.decode()
        assert scan["views"][0]["sha256"] not in body.decode()
    verdict, review = by_type["verdict"], by_type["review"]
    assert (verdict.verdict, verdict.item_id, verdict.lane) == ("alarm", "RR473124829CA", "3")
    assert [(box.label, box.view) for box in verdict.boxes] == [("handgun", "view-1")]
    assert verdict.sequence < review.sequence
    assert (review.decision, review.boxes) == ("reject", [])
    # What is changed, forged, or sent again later is not ours.
    headers, body = receiver.got[0]
    stamp = {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    for other_body, changed, secret in (
        (body.replace(b"alarm", b"clear", 1) + b" ", {}, made["secret"]),
        (body, {}, "whsec_" + "A" * 43 + "="),
        (body, {"webhook-id": "another"}, made["secret"]),
        (body, stamp, made["secret"]),
        (body, {"webhook-signature": "nonsense"}, made["secret"]),
        (body, {"webhook-signature": "v1,§"}, made["secret"]),
        (body, {"webhook-timestamp": "soon"}, made["secret"]),
        (b"\xff", {}, made["secret"]),
    ):
        with pytest.raises(BadSignatureError):
            verify_webhook(other_body, {**headers, **changed}, secret)
    with pytest.raises(BadSignatureError):
        verify_webhook(body, {}, made["secret"])


def test_a_message_that_was_signed_long_ago_is_refused() -> None:
    """A replay: everything about it is right but the time."""
    secret = "whsec_" + "A" * 43 + "="
    for age, message in ((timedelta(minutes=6), "too old"), (timedelta(minutes=-6), "too new")):
        at = datetime.now(UTC) - age
        headers = {
            "webhook-id": "1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign("1", at, "{}"),
        }
        with pytest.raises(BadSignatureError, match=message):
            verify_webhook(b"{}", headers, secret)


def test_whatever_goes_wrong_is_tried_again_and_other_receivers_do_not_wait(
    serve_hooks: ServeInThread, receive: Receive, make_png: PngMaker, wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    troubles = ["500", "302 Location http://127.0.0.1:1/", "cut", "hang", "drip"]
    with serve_hooks() as client, receive(*troubles) as bad, receive("huge") as good:
        add(client, bad.url)
        add(client, good.url)
        scan = post(client, make_png(20), item_id="ITEM-SECRET")
        wait(lambda: len(good.got) == 1)
        wait(lambda: len(bad.got) == len(troubles) + 1)
        wait(lambda: not any(one["pending"] for one in client.get("/v1/webhooks").json()["items"]))
        samples = client.get("/metrics").text
    assert len(set(bad.ids)) == 1, "every try has the same id"
    assert len({body for _, body in bad.got}) == 1
    assert json.loads(bad.got[0][1])["data"]["scan_id"] == scan["id"]
    assert len(good.got) == 1, "a long answer is not read, and is an answer"
    assert samples.count('outcome="delivered"} 1.0') == 2
    assert 'outcome="failed"} 5.0' in samples
    said = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    for part in ("status 500", "redirects are not followed", "no answer within 1 s", "RemoteProtocolError"):
        assert part in said
    assert "ITEM-SECRET" not in said


def test_dead_letters_are_seen_and_can_be_tried_again(
    serve_hooks: ServeInThread, receive: Receive, make_png: PngMaker, wait: Wait
) -> None:
    with serve_hooks(webhook_attempts=3) as client, receive(*["500"] * 6) as receiver:
        made = add(client, receiver.url, events=["verdict"])
        scans = [post(client, make_png(20, mark=mark))["id"] for mark in range(2)]
        wait(lambda: endpoint(client)["dead"] == 2)
        assert len(receiver.got) == 6
        page = client.get("/v1/webhooks/deliveries", params={"limit": 1}).json()
        rest = client.get("/v1/webhooks/deliveries", params={"cursor": page["next"]}).json()
        letters = [*page["items"], *rest["items"]]
        assert rest["next"] is None
        assert {letter["scan_id"] for letter in letters} == set(scans)
        for letter in letters:
            assert (letter["attempts"], letter["error"], letter["next_at"]) == (3, "status 500", None)
            assert letter["endpoint_id"] == made["id"]
        wait(lambda: "parcelray_webhooks_dead 2.0" in client.get("/metrics").text)
        assert "2 given up" in client.get("/live/board").text
        # The receiver is well again.
        assert client.post(f"/v1/webhooks/{letters[0]['id']}/retry").json() == {"deliveries": 1}
        wait(lambda: endpoint(client)["dead"] == 1 and not endpoint(client)["pending"])
        assert client.post(f"/v1/webhooks/{made['id']}/retry").json() == {"deliveries": 1}
        wait(lambda: len(receiver.got) == 8)
        assert sorted(receiver.ids[-2:]) == sorted(letter["id"] for letter in letters)
        assert client.post("/v1/webhooks/nothing/retry").status_code == 404
        assert client.delete(f"/v1/webhooks/{made['id']}").status_code == 204
        assert client.delete(f"/v1/webhooks/{made['id']}").status_code == 404


def test_a_receiver_says_how_long_to_wait_or_that_it_is_gone(
    serve_hooks: ServeInThread, receive: Receive, make_png: PngMaker, wait: Wait
) -> None:
    with serve_hooks() as client, receive("429 Retry-After 3600", "410") as receiver:
        made = add(client, receiver.url)
        post(client, make_png(20, mark=1))
        wait(lambda: receiver.got and client.get("/v1/webhooks/deliveries?state=pending").json()["items"][0]["error"])
        (waiting,) = client.get("/v1/webhooks/deliveries", params={"state": "pending"}).json()["items"]
        assert waiting["error"] == "status 429"
        assert waiting["next_at"] > waiting["created_at"]
        post(client, make_png(20, mark=2))
        wait(lambda: endpoint(client)["disabled_at"])
        assert endpoint(client)["dead"] == 2
        post(client, make_png(20, mark=3))
        assert (endpoint(client)["pending"], len(receiver.got)) == (0, 2)
        client.post(f"/v1/webhooks/{made['id']}/retry")
        wait(lambda: len(receiver.got) == 4)
        assert endpoint(client)["disabled_at"] is None


def test_addresses_inside_are_refused_also_when_they_were_allowed_before(
    serve_hooks: ServeInThread, receive: Receive, make_png: PngMaker, wait: Wait
) -> None:
    with receive() as receiver:
        with serve_hooks() as client:
            for url in ("http://169.254.169.254/latest", "http://10.0.0.1/", "file:///etc/passwd", "http://[::1]/"):
                refused = client.post("/v1/webhooks", json={"url": url})
                assert refused.status_code == 422
                assert refused.json()["type"] == "urn:parcelray:problem:invalid-content"
            assert client.post("/v1/webhooks", json={"url": receiver.url, "events": []}).status_code == 422
            assert client.post("/v1/webhooks", json={"url": receiver.url, "events": ["nothing"]}).status_code == 422
            add(client, receiver.url)
        # The same store under settings that no longer allow it: looked at anew before each try.
        with serve_hooks(webhook_networks="10.0.0.0/8", webhook_attempts=1) as client:
            post(client, make_png(20))
            wait(lambda: endpoint(client)["dead"])
            (letter,) = client.get("/v1/webhooks/deliveries").json()["items"]
            assert "not a public address" in letter["error"]
    assert receiver.got == []


def test_waits_grow_and_differ() -> None:
    settings = Settings()
    for attempt in range(1, settings.webhook_attempts + 5):
        longest = min(settings.webhook_first_wait_s * 3 ** (attempt - 1), 6 * 3600)
        waits = {wait_before(attempt, settings.webhook_first_wait_s).total_seconds() for _ in range(20)}
        assert len(waits) > 1
        assert longest / 2 <= min(waits) <= max(waits) <= longest
    total = sum(wait_before(n, 5.0).total_seconds() for n in range(1, settings.webhook_attempts))
    assert 10 * 3600 < total < 30 * 3600, "over about a day"
    assert wait_before(1, 5.0, asked_s=60).total_seconds() == 60
    assert wait_before(1, 5.0, asked_s=1e9).total_seconds() == 6 * 3600
