"""Evidence, erasure and retention through the command line."""

from __future__ import annotations

import re
import shutil
import sqlite3
import stat
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import parcelray
from detector.model_card import ModelCard
from serving.evidence.check import check_bundle
from serving.services import open_store
from serving.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread, Wait

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def original(
    serve_in_thread: ServeInThread,
    make_detector: type[FakeDetector],
    tiny_card: ModelCard,
    make_png: PngMaker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A store with an alarm of two views, reviewed, and a clear scan."""
    folder = Path(tmp_path_factory.mktemp("original"))
    with serve_in_thread(make_detector(tiny_card), data_dir=folder) as client:
        views = {name: (f"{name}.png", make_png(20, mark=mark)) for mark, name in enumerate(("top", "side"))}
        answer = client.post("/v1/scans", files=views, data={"metadata": '{"item_id": "<script>1</script>"}'}).json()
        review = {"decision": "confirm", "reviewer": "R. One", "note": "<b>seen</b>"}
        assert client.post(answer["links"]["reviews"], json=review).status_code == 201
        client.post("/v1/scans", content=make_png(255), headers={"Content-Type": "image/png"})
    return folder


@pytest.fixture
def data(original: Path, tmp_path: Path) -> Path:
    """A copy of that store to change."""
    return Path(shutil.copytree(original, tmp_path / "data"))


@pytest.fixture
def alarm(data: Path) -> str:
    """The id of the alarm."""
    store, _ = open_store(Settings(data_dir=data))
    with store.database.reading() as session:
        (scan_id,) = session.connection().exec_driver_sql("SELECT id FROM scans WHERE verdict = 'alarm'").one()
    store.database.close()
    return str(scan_id)


@pytest.fixture
def bundle(data: Path, alarm: str, tmp_path: Path) -> Path:
    """The alarm as a bundle."""
    out = tmp_path / "scan.zip"
    assert parcelray.main(["evidence", "export", alarm, str(out), "--data", str(data)]) == 0
    return out


def test_verify_says_what_it_read_and_the_head(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parcelray.main(["evidence", "verify", "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert "3 records and 3 images read: 0 problems" in said
    found = re.search(r"^head (3:[0-9a-f]{64})$", said, re.MULTILINE)
    assert found
    words = ["evidence", "verify", "--data", str(data), "--head"]
    assert parcelray.main([*words, found[1]]) == 0
    assert parcelray.main([*words, "3:" + "0" * 64]) == 1
    assert parcelray.main([*words, "nonsense"]) == 2
    assert "NUMBER:HASH" in capsys.readouterr().err


def test_verify_names_what_was_changed(data: Path, alarm: str, capsys: pytest.CaptureFixture[str]) -> None:
    image = next(path for path in (data / "images").rglob("*") if path.is_file())
    image.write_bytes(image.read_bytes()[:-1] + b"?")
    assert parcelray.main(["evidence", "verify", "--data", str(data)]) == 1
    assert image.name in capsys.readouterr().out


@pytest.mark.parametrize("change", ["tags = 'no json'", "received_at = 'no time'"])
def test_verify_names_a_row_that_cannot_be_read(
    data: Path, alarm: str, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    with closing(sqlite3.connect(data / "parcelray.sqlite")) as raw:
        raw.execute(f"UPDATE scans SET {change} WHERE id = ?", [alarm])
        raw.commit()
    assert parcelray.main(["evidence", "verify", "--data", str(data)]) == 1
    assert f"scan {alarm}: its rows" in capsys.readouterr().out


def test_a_database_that_is_damaged_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = data / "parcelray.sqlite"
    with closing(sqlite3.connect(file)) as raw:
        (page,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'evidence'").fetchone()
        (size,) = raw.execute("PRAGMA page_size").fetchone()
    whole = bytearray(file.read_bytes())
    whole[(page - 1) * size : page * size] = b"\xff" * size
    file.write_bytes(whole)
    assert parcelray.main(["evidence", "verify", "--data", str(data)]) == 2
    assert "restore it" in capsys.readouterr().err


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["evidence", "verify"], ["retention", "run"], ["scans", "erase", "x", "--by", "y", "--reason", "z"]):
        assert parcelray.main([*words, "--data", str(tmp_path / "none")]) == 2
        assert "--data" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_bundle_is_whole_and_says_who_signed(
    data: Path, bundle: Path, alarm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = data / "evidence-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    capsys.readouterr()
    assert parcelray.main(["evidence", "export", alarm, str(bundle), "--data", str(data)]) == 0
    public = re.search("key ([0-9a-f]{64})", capsys.readouterr().out)
    assert public
    assert parcelray.main(["evidence", "check-bundle", str(bundle), "--key", public[1]]) == 0
    assert alarm in capsys.readouterr().out
    assert parcelray.main(["evidence", "check-bundle", str(bundle), "--key", "0" * 64]) == 1
    assert "not with the one that is trusted" in capsys.readouterr().out
    key.chmod(0o644)
    assert parcelray.main(["evidence", "export", alarm, str(bundle), "--data", str(data)]) == 2
    assert "chmod 600" in capsys.readouterr().err


def test_openssl_accepts_the_signature(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "raw.sig").write_bytes(bytes.fromhex((tmp_path / "manifest.sig").read_text()))
    words = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "public_key.pem"]
    words += ["-sigfile", "raw.sig", "-in", "manifest.json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Signature Verified Successfully" in done.stdout, done.stderr


def test_the_page_stands_alone_and_shows_the_boxes(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        page = archive.read("report.html").decode()
        assert {"images/01-top.png", "images/02-side.png"} <= set(archive.namelist())
    assert page.count("data:image/png;base64,") == page.count("<rect") == 2
    assert "handgun 0.90" in page
    assert "&lt;script&gt;1" in page
    assert "<script" not in page
    assert "&lt;b&gt;seen" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)


def rewritten(bundle: Path, change: Callable[[Files], object]) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return bundle


@pytest.mark.parametrize("number", range(8))
def test_a_changed_file_in_a_bundle_is_named(bundle: Path, number: int) -> None:
    with zipfile.ZipFile(bundle) as archive:
        name = archive.namelist()[number]
    middle = rewritten(bundle, lambda files: files.update({name: files[name][:-1] + bytes([files[name][-1] ^ 1])}))
    problems = check_bundle(middle).problems
    assert problems
    assert name in problems[0] or name.startswith("manifest")


def test_a_missing_and_an_added_file_are_named(bundle: Path) -> None:
    def change(files: Files) -> None:
        del files["images/02-side.png"]
        files["more.txt"] = b"x"

    problems = check_bundle(rewritten(bundle, change)).problems
    assert problems == ("images/02-side.png: missing", "more.txt: is not in the manifest")


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b"[" * 100_000, b'{"format": "other/1"}', b" " * (2 << 20), b"\xff"]
)
def test_a_strange_manifest_is_no_bundle(bundle: Path, manifest: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(bundle, lambda files: files.update({"manifest.json": manifest}))
    assert parcelray.main(["evidence", "check-bundle", str(bundle)]) == 1
    assert "no whole evidence bundle" in capsys.readouterr().out


def test_a_bundle_cut_off_anywhere_is_no_bundle(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    for length in range(0, len(whole), max(len(whole) // 40, 1)):
        bundle.write_bytes(whole[:length])
        assert check_bundle(bundle).problems
    assert parcelray.main(["evidence", "check-bundle", str(tmp_path / "none.zip")]) == 2


def test_an_unknown_scan_is_not_exported(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.zip"
    assert parcelray.main(["evidence", "export", "nowhere", str(out), "--data", str(data)]) == 2
    assert "there is no scan nowhere" in capsys.readouterr().err
    assert not out.exists()


def test_erasing_leaves_a_chain_that_verifies(data: Path, alarm: str, capsys: pytest.CaptureFixture[str]) -> None:
    erase = ["scans", "erase", alarm, "--by", "J. Roy", "--reason", "court order 12", "--data", str(data)]
    assert parcelray.main(erase) == 0
    assert "2 images" in capsys.readouterr().out
    assert parcelray.main(erase) == 1
    assert parcelray.main(["evidence", "verify", "--data", str(data)]) == 0
    assert "4 records and 1 images read: 0 problems" in capsys.readouterr().out


def test_retention_by_command(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["retention", "run", "--data", str(data)]
    assert parcelray.main(run) == 0
    assert "No scan is ever due" in capsys.readouterr().out
    assert parcelray.main([*run, "--clear-days", "0"]) == 2
    assert parcelray.main([*run, "--clear-days", "0.0000001"]) == 0
    assert "erased 1 scans and 1 images" in capsys.readouterr().out
    assert parcelray.main([*run, "--clear-days", "30", "--alarm-days", "365"]) == 0
    assert "erased 0 scans" in capsys.readouterr().out
    assert parcelray.main(["db", "upgrade", "--data", str(data)]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_the_service_erases_by_itself(
    serve_in_thread: ServeInThread, fake: FakeDetector, data: Path, wait: Wait
) -> None:
    with serve_in_thread(fake, data_dir=data, retain_clear_days=1e-7, retention_every_s=0.05) as client:
        wait(lambda: [scan["verdict"] for scan in client.get("/v1/scans").json()["items"]] == ["alarm"])
