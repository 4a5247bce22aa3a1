"""The stream of events from a real process to real clients: in order, none lost, none twice, bounded."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from serving.access.keys import KeyStore, Scope
from serving.client import Client, RefusedError
from serving.errors import OverloadedError
from serving.events.feed import Beat, End, Feed
from serving.events.schema import Event, EventType
from serving.events.stream import EventStream
from serving.services import open_store
from serving.settings import Settings
from serving.store import erasure
from serving.store.events import EventFilter

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, StartServer, Wait

PNG = {"Content-Type": "image/png"}


def post(client: httpx.Client, png: bytes, **params: str) -> dict[str, Any]:
    answer = client.post("/v1/scans", content=png, headers=PNG, params=params)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def first(events: Iterator[Event], number: int) -> list[Event]:
    return [next(events) for _ in range(number)]


def messages(client: httpx.Client, **request: Any) -> Generator[ServerSentEvent, None, None]:  # noqa: ANN401 - httpx's own
    with connect_sse(client, "GET", "/v1/events", **request) as source:
        assert source.response.status_code == 200, source.response.read()
        yield from source.iter_sse()


@pytest.fixture
def hub(serve: ServeInThread, fake: FakeDetector) -> ServeInThread:
    """A service whose streams show soon that they live."""
    return partial(serve, fake, event_heartbeat_s=0.2)


@pytest.mark.slow
def test_a_reader_goes_on_after_a_kill_and_misses_and_repeats_nothing(
    start_server: StartServer, make_png: PngMaker, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    server = start_server(tmp_path, "--port", port)
    scans = [post(server.client, make_png(20, mark=mark), item_id=f"A\u2028{mark}")["id"] for mark in range(3)]
    with Client(server.url) as client:
        events = client.events(after=0)
        got = first(events, 2)
        server.kill()
        server = start_server(tmp_path, "--port", port)
        scans += [post(server.client, make_png(20, mark=mark))["id"] for mark in range(3, 6)]
        server.client.post(f"/v1/scans/{scans[0]}/reviews", json={"decision": "confirm", "reviewer": "Ada"})
        got += first(events, 5)
    assert [event.sequence for event in got] == list(range(1, 8))
    assert [event.scan_id for event in got] == [*scans, scans[0]]
    assert got[0].item_id == "A\u20280"
    assert [event.type for event in got[-2:]] == [EventType.VERDICT, EventType.REVIEW]
    # A stream that is open does not hold the stop up, and says why it ends.
    with connect_sse(server.client, "GET", "/v1/events") as source:
        said = source.iter_sse()
        assert next(said).retry == 2000
        server.process.terminate()
        end = next(message for message in said if message.event == "end")
    assert "the service stops" in json.loads(end.data)["reason"]
    assert server.stop() == 0


def test_filters_and_heartbeats(hub: ServeInThread, make_png: PngMaker) -> None:
    with hub() as client:
        for mark, (scanner, lane) in enumerate((("a", "1"), ("b", "1"), ("a", "2"))):
            post(client, make_png(20, mark=mark), scanner_id=scanner, lane=lane)
        for params, expected in (
            ({"scanner_id": "a"}, [1, 3]),
            ({"lane": "1"}, [1, 2]),
            ({"scanner_id": "a", "lane": "2"}, [3]),
            ({"type": ["verdict", "review"]}, [1, 2, 3]),
        ):
            stream = messages(client, params=params, headers={"Last-Event-ID": "0"})
            assert next(stream).id == "0"
            found = [next(stream) for _ in expected]
            assert [int(message.id) for message in found] == expected
            assert {message.event for message in found} == {"verdict"}
            stream.close()
        # Who wants nothing of what happens moves on with the heartbeats, and so looks at nothing twice.
        stream = messages(client, params={"lane": "9", "after": 0})
        assert [next(stream).id, next(stream).id] == ["0", "3"]
        stream.close()
        # Without an id it begins now.
        stream = messages(client)
        assert next(stream).id == "3"
        post(client, make_png(20, mark=9))
        assert next(message for message in stream if message.data).id == "4"
        stream.close()


@pytest.mark.parametrize("given", ["nothing", "-1", "1e3", "9" * 30, "500"])
def test_an_id_that_is_not_of_this_chain_is_refused(hub: ServeInThread, given: str) -> None:
    with hub() as client:
        answer = client.get("/v1/events", headers={"Last-Event-ID": given})
        assert answer.status_code == 400
        assert "Last-Event-ID" in answer.json()["detail"]
        with Client(str(client.base_url)) as reader, pytest.raises(RefusedError, match="another store"):
            next(reader.events(after=500))


def test_readers_are_counted(serve: ServeInThread, fake: FakeDetector, wait: Wait) -> None:
    with serve(fake, event_streams=1, event_heartbeat_s=0.2) as client:
        stream = messages(client)
        next(stream)
        refused = client.get("/v1/events")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        stream.close()
        wait(lambda: client.get("/v1/events", params={"after": 9}).status_code == 400)  # there is room again


def test_a_key_that_is_revoked_ends_its_streams(hub: ServeInThread, tmp_path: Path) -> None:
    store, _ = open_store(Settings(data_dir=tmp_path / "data"))
    keys = KeyStore(store.database)
    key, text = keys.create("desk", [Scope.REVIEWER])
    with hub() as client:
        stream = messages(client, headers={"Authorization": f"Bearer {text}"})
        next(stream)
        keys.revoke(key.id)
        end = next(message for message in stream if message.event == "end")
        assert "has ended" in json.loads(end.data)["reason"]
        assert next(stream, None) is None
    store.database.close()


def test_who_takes_nothing_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(data_dir=tmp_path, event_streams=1)
    store, _ = open_store(settings)

    async def never(*_: object) -> Any:  # noqa: ANN401 - neither sends nor receives
        await asyncio.Event().wait()

    async def lines() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"

    async def stream() -> None:
        async with Feed(settings, store.database, lambda _: None) as feed:
            response = EventStream(lines(), feed, 0.05)
            sending = asyncio.create_task(response({"type": "http", "asgi": {"spec_version": "2.3"}}, never, never))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError):
                await feed.start(None)
            await sending
            assert await feed.start(None) == 0  # its place is free

    asyncio.run(stream())
    store.database.close()
    assert "cut off" in caplog.text


class _Forgotten(list[str]):
    def __call__(self, scan_id: str) -> None:
        self.append(scan_id)


def test_who_falls_out_of_the_window_is_told_and_resumes(
    hub: ServeInThread, make_png: PngMaker, wait: Wait, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data", event_heartbeat_s=0.2)
    store, _ = open_store(settings)
    forgotten = _Forgotten()

    async def read() -> tuple[list[Event | Beat | End], list[int]]:
        async with Feed(settings, store.database, forgotten, window=2) as feed:
            with feed.reading():
                steps = feed.follow(await feed.start(None), EventFilter())
                got = [await anext(steps)]
                assert isinstance(got[0], Beat)
                ids = [await asyncio.to_thread(post, client, make_png(20, mark=1))]
                feed.wake()
                got.append(await anext(steps))
                # While it does not read, more comes than the window holds.
                for mark in range(2, 7):
                    ids.append(await asyncio.to_thread(post, client, make_png(20, mark=mark)))
                await asyncio.to_thread(erasure.erase, store.database, ids[-1]["id"], by="x", reason="y")
                while not forgotten:
                    await asyncio.sleep(0.02)
                got += [step async for step in steps]
                again = feed.follow(await feed.start(1), EventFilter())
                rest = [step.sequence async for step in _some(again, 4) if isinstance(step, Event)]
                return got, rest

    with hub() as client:
        got, rest = asyncio.run(read())
        # The service has heard of the erasure too, though another process made it.
        wait(lambda: client.get("/live/board").text.count('class="card') == 3)
    store.database.close()
    assert isinstance(got[1], Event)
    assert got[1].sequence == 1
    assert isinstance(got[-1], End)
    assert "too slow" in got[-1].reason
    assert rest == [2, 3, 4, 5], "all from where it stood, but the scan that was erased"
    assert len(forgotten) == 1


async def _some(steps: Any, number: int) -> Any:  # noqa: ANN401 - an asynchronous generator
    for _ in range(number):
        yield await anext(steps)
