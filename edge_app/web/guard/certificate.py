"""A certificate for HTTPS, tried before the server starts with it."""

from __future__ import annotations

import logging
import ssl
import stat
from pathlib import Path

from deploy.errors import SettingsError
from deploy.files import reading_errors

log = logging.getLogger(__name__)

_EXPIRED = 10  # OpenSSL, <openssl/x509_vfy.h>: X509_V_ERR_CERT_HAS_EXPIRED
_TRIPS = 4  # a TLS 1.3 handshake has three flights


def check_certificate(cert: Path, key: Path) -> None:
    """Make sure that a browser can be answered with a certificate and its key.

    Args:
        cert: PEM; the machine's certificate first, then those between it and its authority.
        key: PEM, without a passphrase. One that others may read is used, with a warning.

    Raises:
        SettingsError: a file is missing, unreadable, no PEM, of another pair, or out of date.
    """
    for path in (cert, key):
        with reading_errors(path, SettingsError):
            path.read_bytes()
    server = _server(cert, key)
    if key.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning("%s can be read by others of this machine; run: chmod 600 %s", key, key)
    _shake_hands(server, _client(cert), cert)


def _server(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else it would ask in a terminal
    except (ssl.SSLError, ValueError) as exc:
        raise SettingsError(
            f"{cert} and {key} are not a certificate and its key, in PEM and without a "
            f"passphrase: {_reason(exc)}. Name the two files that belong together."
        ) from exc
    return context


def _client(cert: Path) -> ssl.SSLContext:
    """Trusts this certificate alone, whoever signed it, so that only its dates and use count."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cert)
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, cert: Path) -> None:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True))
    try:
        for _ in range(_TRIPS):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError as exc:
        what = "has expired" if exc.verify_code == _EXPIRED else f"is refused: {exc.verify_message}"
        raise SettingsError(
            f"{cert} {what}. Make a new one, or set the machine's clock if that is wrong."
        ) from exc
    except ssl.SSLError as exc:
        raise SettingsError(
            f"{cert} cannot be used for HTTPS: {_reason(exc)}. Make a new one."
        ) from exc


def _reason(exc: Exception) -> str:
    reason = getattr(exc, "reason", None) or str(exc)
    return str(reason).replace("_", " ").lower()
