"""Memory: an address space of the device's own, and page-locked memory of the host.

Device addresses are far from any the host has, so that taking one for the other cannot go well.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from fake_gpu.errors import DeviceFault, failure
from fake_gpu.settings import setting

MB = 1024 * 1024
FIRST_ADDRESS = 0x5_0000_0000_0000  # above the 47 bits of a process's own addresses
ALIGNMENT = 512  # and as much between two allocations, so that running over is noticed
UNWRITTEN = 0xCD
FREED = 0xDD


class DeviceMemory:
    """Allocations by first address.

    counts: how many allocations were ever made, by owner ("pycuda" or "tensorrt").
    """

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[np.ndarray, str]] = {}
        self._next = FIRST_ADDRESS
        self.counts: Counter[str] = Counter()

    def allocate(self, size: int, owner: str = "pycuda") -> int:
        """A new allocation's address.

        Raises:
            MemoryError: pycuda's, when the device is full.
            LogicError: a size of 0.
        """
        if size <= 0:
            raise failure("cuMemAlloc", "INVALID_VALUE")
        if size > self.free_bytes():
            raise failure("cuMemAlloc", "OUT_OF_MEMORY")
        address = self._next
        self._next += -(-size // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        self._blocks[address] = np.full(size, UNWRITTEN, np.uint8), owner
        self.counts[owner] += 1
        return address

    def release(self, address: int) -> None:
        """Give an allocation back.

        Raises:
            LogicError: there is none of that address.
        """
        if address not in self._blocks:
            raise failure("cuMemFree", "INVALID_VALUE")
        del self._blocks[address]

    def holds(self, address: int, size: int) -> bool:
        """Whether these bytes lie inside one live allocation."""
        return self._find(address, size) is not None

    def _find(self, address: int, size: int) -> np.ndarray | None:
        for base, (block, _) in self._blocks.items():
            if base <= address and address + size <= base + block.size:
                return block[address - base : address - base + size]
        return None

    def view(self, address: int, size: int) -> np.ndarray:
        """(size,) uint8, the memory itself.

        Raises:
            DeviceFault: some of it is not allocated.
        """
        found = self._find(address, size)
        if found is None:
            raise DeviceFault(f"{size} bytes at {address:#x} are not allocated")
        return found

    def free_bytes(self) -> int:
        """What can still be allocated."""
        return int(setting("free_mb") * MB) - sum(b.size for b, _ in self._blocks.values())

    def live(self, owner: str) -> list[str]:
        """A line for each live allocation."""
        return [f"{b.size} bytes at {a:#x}" for a, (b, o) in self._blocks.items() if o == owner]


class HostMemory:
    """Page-locked memory by address."""

    def __init__(self) -> None:
        self._blocks: dict[int, np.ndarray] = {}
        self.count = 0

    def allocate(self, size: int) -> np.ndarray:
        """(size,) uint8, page-locked until released."""
        block = np.full(max(size, 1), UNWRITTEN, np.uint8)
        self._blocks[address_of(block)] = block
        self.count += 1
        return block

    def release(self, block: np.ndarray) -> None:
        """Unlock, and spoil the contents: reading on is an error in a real process."""
        del self._blocks[address_of(block)]
        block[:] = FREED

    def holds(self, array: np.ndarray) -> bool:
        """Whether a flat array lies inside page-locked memory."""
        start, end = address_of(array), address_of(array) + array.nbytes
        return any(a <= start and end <= a + b.size for a, b in self._blocks.items())

    def live(self) -> list[str]:
        """A line for each live buffer."""
        return [f"{block.size} page-locked bytes" for block in self._blocks.values()]


def address_of(array: Any) -> int:
    """The host address of an array's first byte."""
    return int(array.__array_interface__["data"][0])
