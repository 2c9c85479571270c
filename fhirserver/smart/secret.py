"""The secret of this installation: what is sealed with it is of no use to who reads the database alone."""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE: Final = "secret.key"
_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MODE: Final = 0o600


class WrongSecret(Exception):
    """What is sealed was sealed with another secret; the text is one sentence for the operator."""


class Secret:
    """Seals bytes: AES-256-GCM with a key derived from the secret for one purpose."""

    def __init__(self, text: str) -> None:
        """Derive keys from ``text``, which is random and long."""
        self._text = text.encode()

    def seal(self, purpose: str, name: str, content: bytes) -> bytes:
        """Encrypt what is named so; it opens under this purpose and name only."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(purpose).encrypt(nonce, content, name.encode())

    def open(self, purpose: str, name: str, sealed: bytes) -> bytes:
        """Return what ``seal`` was given; raises WrongSecret."""
        try:
            return self._cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise WrongSecret(
                "What this installation has sealed opens with another secret: every machine needs the same "
                f"FHIRSERVER_SECRET_KEY, or the file {FILE} of the data folder in which it was made."
            ) from None

    def fingerprint(self, purpose: str, content: bytes) -> str:
        """Return what tells texts apart without telling them, as long as the secret is one."""
        return hashlib.blake2b(content, key=self._derived(purpose), digest_size=16).hexdigest()

    def _cipher(self, purpose: str) -> AESGCM:
        return AESGCM(self._derived(purpose))

    def _derived(self, purpose: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=purpose.encode()).derive(self._text)


def secret_of(setting: str | None, data_dir: Path) -> Secret:
    """Return the secret of the settings, or that of the data folder, made there when it has none."""
    return Secret(setting if setting is not None else _kept(data_dir / FILE))


def _kept(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{FILE}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "w", encoding="ascii") as target:
        target.write(secrets.token_urlsafe(_BYTES))
        target.flush()
        os.fsync(target.fileno())
    try:
        os.link(draft, file)  # whole or not at all, and of several processes that start together one makes it
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text(encoding="ascii")
