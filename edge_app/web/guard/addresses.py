"""The addresses of this machine, found without sending anything."""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

# Linux, <linux/sockios.h>: the IPv4 address of an interface, in bytes 20 to 24 of `struct ifreq`.
SIOCGIFADDR = 0x8915
# Addresses for documentation (RFC 5737, RFC 3849): a UDP socket connected to one sends nothing,
# but has been given the address that this machine would send from.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
# Bridges to containers and virtual machines: nobody else reaches the scanner there.
BRIDGES = ("docker", "br-", "veth", "virbr")


def own_addresses() -> tuple[str, ...]:
    """IPv4 and IPv6 addresses at which other machines may reach this one, the likeliest first.

    An interface without an address, or a bridge to containers, gives none; IPv6 only that of
    the default route.
    """
    outward = [_outward(family, address) for family, address in ELSEWHERE]
    found = [*outward[:1], *_of_interfaces(), *outward[1:]]
    return tuple(dict.fromkeys(text for text in found if text and not is_loopback(text)))


def is_loopback(host: str) -> bool:
    """Whether a host or peer address is this machine's own, which no other machine reaches."""
    if host.lower() == "localhost":
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address, an IPv4 one in IPv6 form as IPv4; None for a name."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _outward(family: int, elsewhere: str) -> str:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            return str(probe.getsockname()[0])
    except OSError:  # no route, or no IPv6 at all
        return ""


def _of_interfaces() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return [
            _of_interface(probe, name)
            for _, name in socket.if_nameindex()
            if not name.startswith(BRIDGES)
        ]


def _of_interface(probe: socket.socket, name: str) -> str:
    with suppress(OSError):  # it has no IPv4 address
        request = struct.pack("256s", name.encode()[:15])
        return socket.inet_ntoa(fcntl.ioctl(probe.fileno(), SIOCGIFADDR, request)[20:24])
    return ""
