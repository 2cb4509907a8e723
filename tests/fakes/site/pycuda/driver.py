"""A stand-in for `pycuda.driver`, its rules taken from pycuda's own C++ (2026.1).

Names, parameters and messages are the real ones; what is not here, this project does not use.
pycuda has no CUDA graphs, so there are none.
"""

from __future__ import annotations

from fake_gpu.errors import Error, LaunchError, LogicError, MemoryError, RuntimeError

from pycuda._context import Context, Device, get_driver_version, get_version, init
from pycuda._copies import (
    from_device,
    memcpy_dtod,
    memcpy_dtod_async,
    memcpy_dtoh,
    memcpy_dtoh_async,
    memcpy_htod,
    memcpy_htod_async,
    memset_d8,
    memset_d8_async,
    to_device,
)
from pycuda._memory import (
    DeviceAllocation,
    HostAllocation,
    HostPointer,
    PagelockedHostAllocation,
    mem_alloc,
    mem_alloc_like,
    mem_get_info,
    pagelocked_empty,
    pagelocked_empty_like,
    pagelocked_zeros,
)
from pycuda._queues import (
    Event,
    Stream,
    ctx_flags,
    device_attribute,
    event_flags,
    host_alloc_flags,
)

__all__ = [
    "Context",
    "Device",
    "DeviceAllocation",
    "Error",
    "Event",
    "HostAllocation",
    "HostPointer",
    "LaunchError",
    "LogicError",
    "MemoryError",
    "PagelockedHostAllocation",
    "RuntimeError",
    "Stream",
    "ctx_flags",
    "device_attribute",
    "event_flags",
    "from_device",
    "get_driver_version",
    "get_version",
    "host_alloc_flags",
    "init",
    "mem_alloc",
    "mem_alloc_like",
    "mem_get_info",
    "memcpy_dtod",
    "memcpy_dtod_async",
    "memcpy_dtoh",
    "memcpy_dtoh_async",
    "memcpy_htod",
    "memcpy_htod_async",
    "memset_d8",
    "memset_d8_async",
    "pagelocked_empty",
    "pagelocked_empty_like",
    "pagelocked_zeros",
    "to_device",
]
