"""The key that signs bundles: Ed25519, made at first use, in the data folder, readable by its owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from serving.errors import BadSettingsError

__all__ = ["hex_of", "pem_of", "signing_key"]

_FILE: Final = "evidence-key.pem"


def signing_key(data_dir: Path) -> Ed25519PrivateKey:
    """Return the key of a store, made if there is none.

    Raises:
        BadSettingsError: the file is no such key, or others may read it.
    """
    path = data_dir / _FILE
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise BadSettingsError(f"{path} can be read by others; see who did, then: chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise BadSettingsError(f"{path} is no private key ({error}); put the right one back") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadSettingsError(f"{path} is no Ed25519 key; put the right one back")
    return key


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)  # fails where another process was faster: then its key is the one
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def hex_of(key: Ed25519PublicKey) -> str:
    """Return the 32 bytes of a public key in hex."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def pem_of(key: Ed25519PublicKey) -> bytes:
    """Return a public key as OpenSSL reads it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
