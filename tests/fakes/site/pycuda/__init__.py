"""A stand-in for pycuda: `pycuda.driver` over the device in `fake_gpu`."""

VERSION = (2026, 1)
VERSION_STATUS = ""
VERSION_TEXT = "2026.1"
