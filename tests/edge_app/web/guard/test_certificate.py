"""A certificate is tried before the server starts with it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import gemscan
from deploy.errors import SettingsError
from edge_app.web.guard.certificate import check_certificate


def test_a_pair_that_fits_is_taken_without_a_word(certificate, caplog):
    check_certificate(*certificate())

    assert caplog.text == ""


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_the_command_of_the_docs_makes_one_that_is_taken(tmp_path, caplog):
    text = (Path(gemscan.__file__).parent / "docs" / "network.md").read_text()
    command = re.search(r"^openssl req .*?\.crt$.*?(?=^gemscan)", text, re.DOTALL | re.MULTILINE)
    subprocess.run(command[0], shell=True, check=True, capture_output=True, cwd=tmp_path)
    check_certificate(tmp_path / "scanner.crt", tmp_path / "scanner.key")

    assert caplog.text == ""


def test_a_chain_is_taken(certificate):
    """As an authority gives it: its own certificate follows the machine's."""
    cert, key = certificate()
    other, _ = certificate("authority")
    cert.write_bytes(cert.read_bytes() + other.read_bytes())

    check_certificate(cert, key)


def test_a_key_that_others_may_read_is_taken_with_a_warning(certificate, caplog):
    cert, key = certificate()
    key.chmod(0o644)
    check_certificate(cert, key)

    assert f"{key} can be read by others" in caplog.text


def test_an_expired_one_is_refused(certificate):
    cert, key = certificate()
    old = cert.with_name("old.crt")
    words = ["openssl", "x509", "-in", cert, "-signkey", key, "-days", "0", "-out", old]
    subprocess.run(words, check=True, capture_output=True)

    with pytest.raises(SettingsError, match=r"old\.crt has expired\. Make a new one"):
        check_certificate(old, key)


def test_files_of_two_pairs_are_refused(certificate):
    (cert, _), (_, key) = certificate("one"), certificate("two")

    with pytest.raises(SettingsError, match=r"one\.crt and .*two\.key are not a certificate and"):
        check_certificate(cert, key)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_file_is_named(certificate, missing):
    pair = certificate()
    pair[missing].unlink()

    with pytest.raises(SettingsError, match=f"{pair[missing].name} cannot be read: No such file"):
        check_certificate(*pair)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("content", [b"", b"no PEM", b"\x00\xff" * 99])
def test_a_file_of_something_else_is_refused(certificate, which, content):
    pair = certificate()
    pair[which].write_bytes(content)

    with pytest.raises(SettingsError, match="are not a certificate and its key"):
        check_certificate(*pair)


def test_a_key_with_a_passphrase_is_refused_and_nothing_is_asked(certificate):
    cert, key = certificate()
    locked = key.with_name("locked.key")
    words = ["openssl", "pkey", "-in", key, "-out", locked, "-aes128", "-passout", "pass:secret"]
    subprocess.run(words, check=True, capture_output=True)

    with pytest.raises(SettingsError, match="without a passphrase"):
        check_certificate(cert, locked)


def test_a_certificate_for_another_use_is_refused(certificate):
    cert, key = certificate("mail", "-addext", "extendedKeyUsage=emailProtection")

    with pytest.raises(
        SettingsError, match=r"mail\.crt is refused: unsuitable certificate purpose"
    ):
        check_certificate(cert, key)
