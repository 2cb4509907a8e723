"""Who may come in: the code that is shown, the tries, the paired devices, the machine's names."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from hmac import compare_digest
from pathlib import Path

from starlette.types import Scope

from deploy.errors import StorageError
from edge_app.web.guard.addresses import is_loopback, own_addresses, parse_address
from edge_app.web.guard.devices import Device, PairedDevices, devices_file
from edge_app.web.guard.hosts import asked_host, machine_names, names_this_machine, normal
from edge_app.web.guard.refusal import RefusedError
from edge_app.web.guard.tries import Tries

log = logging.getLogger(__name__)

CODE_DIGITS = 6


class Access:
    """Decides who may use the web screen. It may be asked from any thread."""

    def __init__(
        self,
        listen_host: str,
        listen_port: int,
        folder: Path | None,
        *,
        tls: bool,
        names: Sequence[str] = (),
        on_code: Callable[[str], None] = lambda code: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nobody is paired, or those of an earlier run.

        Args:
            listen_host: what the server binds to; "0.0.0.0", "::" or "" for every interface.
            listen_port: the port in use, by which cookie and file are this scanner's own.
            folder: where paired devices are kept, hashed; None forgets them at the end.
            tls: whether the server speaks HTTPS.
            names: more names that this machine is reached by, as that of a proxy before it.
            on_code: told each new code, to show it on the scanner.
        """
        self.listen_host = listen_host
        self.listen_port = listen_port
        self.tls = tls
        self.beyond_loopback = not is_loopback(listen_host)
        self._names = machine_names(listen_host, names)
        path = folder / devices_file(listen_port) if folder else None
        self._devices = PairedDevices(path, clock)
        self._tries = Tries(clock)
        self._on_code = on_code
        self._code = new_code()
        self._lock = threading.Lock()

    @property
    def code(self) -> str:
        """What a new device has to type now. Show it on the scanner, and nowhere else."""
        return self._code

    @property
    def cookie(self) -> str:
        """The name of the cookie. A browser takes `__Host-` only from the very host, over TLS.

        And it sends a cookie to every port of a host, where another scanner may listen.
        """
        return f"{'__Host-' if self.tls else ''}gemscan-{self.listen_port}"

    @property
    def own_address(self) -> str:
        """The URL at which this machine itself reaches the server."""
        every = normal(self.listen_host) in ("0.0.0.0", "::", "")
        return self._url("127.0.0.1" if every else self.listen_host)

    def addresses(self) -> tuple[str, ...]:
        """The URLs at which others reach this server, the likeliest first; none on loopback."""
        if not self.beyond_loopback:
            return ()
        host = normal(self.listen_host)
        hosts = own_addresses() if host in ("0.0.0.0", "::", "") else (host,)
        if host == "0.0.0.0":  # "::" is both families: see `open_socket`
            hosts = tuple(one for one in hosts if ":" not in one)
        return tuple(self._url(one) for one in hosts)

    def _url(self, host: str) -> str:
        scheme, usual = ("https", 443) if self.tls else ("http", 80)
        address = parse_address(host)
        name = f"[{host}]" if address and address.version == 6 else host
        port = "" if self.listen_port == usual else f":{self.listen_port}"
        return f"{scheme}://{name}{port}/"

    def check_host(self, scope: Scope) -> None:
        """Take only what is meant for this machine.

        Raises:
            RefusedError: 400 without a usable Host header, 421 for another machine's name.
        """
        host = asked_host(scope)
        known = names_this_machine(host, scope, self._names)
        if not (known if self.beyond_loopback else is_loopback(host)):
            raise RefusedError(421, "The scanner does not go by this name; use its address.")

    def knows(self, token: str, address: str = "") -> bool:
        """Whether a device with this token was paired, which is seen at an address now."""
        return self._devices.knows(token, address)

    def devices(self) -> list[Device]:
        """The paired devices, the one that was seen last first."""
        return self._devices.last_seen()

    def forget(self, device_id: str) -> None:
        """Let a device in no more, nor watch on.

        Raises:
            RefusedError: 404 for an unknown one; 507 where a restart would bring it back.
        """
        try:
            if not self._devices.forget(device_id):
                raise RefusedError(404, "That device is not paired any more.")
        except StorageError as exc:
            raise RefusedError(507, f"It is let in again after a restart: {exc}") from exc

    def pair(self, address: str, code: str, name: str = "") -> str:
        """A token for a device that has the code, which is another one afterwards.

        Args:
            address: where the device is.
            name: what it is, for the list of devices.

        Raises:
            RefusedError: 403 for a wrong code; 429 after too many, with a new code.
        """
        with self._lock:
            self._check_tries(address)
            if not compare_digest(code.encode("utf-8", "replace"), self._code.encode()):
                self._tries.wrong(address)
                self._check_tries(address, renew=True)
                raise RefusedError(403, "That is not the code. Read it again on the scanner.")
            self._renew()
            log.info("a device at %s was paired", address)
            return self._devices.add(name, address)

    def _renew(self) -> None:
        self._code = new_code()
        self._on_code(self._code)

    def _check_tries(self, address: str, *, renew: bool = False) -> None:
        wait_s = math.ceil(self._tries.wait_s(address))
        if not wait_s:
            return
        if renew:
            self._renew()
            log.warning("too many wrong codes, the last from %s; there is a new code", address)
        raise RefusedError(
            429,
            f"Too many wrong codes. Wait {wait_s} seconds, then type the scanner's new code.",
            {"Retry-After": str(wait_s)},
        )


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
