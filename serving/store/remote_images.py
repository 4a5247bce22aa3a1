"""Posted images in S3-compatible storage, or whatever else fsspec has a protocol for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from serving.errors import BadSettingsError
from serving.store.images import checked_name

__all__ = ["RemoteImages"]

_T = TypeVar("_T")
# An answer waits for its images: storage that does not answer must fail while the client is still there.
_S3_OPTIONS: Final[dict[str, Any]] = {
    "use_listings_cache": False,
    "skip_instance_cache": True,
    "config_kwargs": {"connect_timeout": 3, "read_timeout": 10, "retries": {"total_max_attempts": 2}},
}


class RemoteImages:
    """Objects `<url>/ab/cd/<sha256>`. Keys and endpoint come from the environment, as for every AWS tool."""

    may_hang = True

    def __init__(self, url: str) -> None:
        """Name the storage; it is first asked when an image comes.

        Raises:
            BadSettingsError: no such protocol.
            ModuleNotFoundError: the extra `s3` is not installed.
        """
        import fsspec  # noqa: PLC0415 - only who stores elsewhere needs it

        options = _S3_OPTIONS if url.startswith(("s3://", "s3a://")) else {}
        try:
            self._files, self._root = fsspec.url_to_fs(url, **options)
        except ValueError as error:
            raise BadSettingsError(f"images_url: {error}; expected one such as s3://bucket/folder") from error
        except ImportError as error:
            raise ModuleNotFoundError(str(error), name="s3fs") from error
        # s3fs would repeat what botocore has repeated already: minutes, where the storage hangs.
        self._files.retries = 1

    def put(self, sha256: str, data: bytes, *, again: bool = False) -> None:  # noqa: ARG002 - always written
        """Keep an image; storage of this kind acknowledges what is durable."""
        self._call(self._files.pipe_file, self._path(sha256), data)

    def read(self, sha256: str) -> bytes:
        """Return the bytes of an image, or raise FileNotFoundError."""
        return bytes(self._call(self._files.cat_file, self._path(sha256)))

    def delete(self, sha256: str) -> None:
        """Remove an image; one that is not there is no error."""
        try:
            self._call(self._files.rm_file, self._path(sha256))
        except FileNotFoundError:
            return

    def probe(self) -> None:
        """Write and remove a small object."""
        name = f"{self._root}/.probe"
        self._call(self._files.pipe_file, name, b"parcelray")
        with suppress(FileNotFoundError):  # another process asks at the same time
            self._call(self._files.rm_file, name)

    def free_bytes(self) -> None:
        """Return None: there is no limit that could be asked for."""

    def sweep(self) -> int:
        """Return 0: an object is there whole or not at all."""
        return 0

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{checked_name(sha256)}"

    def _call(self, work: Callable[..., _T], *arguments: object) -> _T:
        with _as_os_error():
            return work(*arguments)


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # each driver has a family of its own (botocore's, aiohttp's)
        raise OSError(f"the image storage failed: {type(error).__name__}") from error
