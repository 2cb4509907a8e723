"""Video4Linux's structures and request numbers, as far as gemscan asks the kernel itself.

Source: linux/videodev2.h and linux/v4l2-controls.h, part of the kernel's fixed interface. Only
structures of 32-bit fields are used: they are the same on 32 and 64 bit, on Arm and x86.
"""

from __future__ import annotations

import ctypes
from ctypes import Structure, Union, c_char, c_int32, c_uint32

VIDEO_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
VIDEO_CAPTURE_MPLANE = 9
MEMORY_MMAP = 1
# v4l2_capability.capabilities
CAN_CAPTURE, CAN_CAPTURE_MPLANE = 0x00000001, 0x00001000
HAS_DEVICE_CAPS = 0x80000000
# v4l2_frmsizeenum.type and v4l2_frmivalenum.type
DISCRETE = 1
# v4l2_queryctrl.flags
DISABLED, READ_ONLY = 0x0001, 0x0004


class Capability(Structure):
    """struct v4l2_capability."""

    _fields_ = (
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FormatDescription(Structure):
    """struct v4l2_fmtdesc."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class _Size(Structure):
    _fields_ = (("width", c_uint32), ("height", c_uint32))


class _SizeRange(Structure):
    _fields_ = (
        ("min_width", c_uint32),
        ("max_width", c_uint32),
        ("step_width", c_uint32),
        ("min_height", c_uint32),
        ("max_height", c_uint32),
        ("step_height", c_uint32),
    )


class _AnySize(Union):
    _fields_ = (("discrete", _Size), ("stepwise", _SizeRange))


class FrameSize(Structure):
    """struct v4l2_frmsizeenum."""

    _anonymous_ = ("size",)
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("size", _AnySize),
        ("reserved", c_uint32 * 2),
    )


class _Fraction(Structure):
    _fields_ = (("numerator", c_uint32), ("denominator", c_uint32))


class _IntervalRange(Structure):
    _fields_ = (("shortest", _Fraction), ("longest", _Fraction), ("step", _Fraction))


class _AnyInterval(Union):
    _fields_ = (("discrete", _Fraction), ("stepwise", _IntervalRange))


class FrameInterval(Structure):
    """struct v4l2_frmivalenum."""

    _anonymous_ = ("interval",)
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("interval", _AnyInterval),
        ("reserved", c_uint32 * 2),
    )


class ControlDescription(Structure):
    """struct v4l2_queryctrl."""

    _fields_ = (
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
        ("minimum", c_int32),
        ("maximum", c_int32),
        ("step", c_int32),
        ("default_value", c_int32),
        ("flags", c_uint32),
        ("reserved", c_uint32 * 2),
    )


class ControlValue(Structure):
    """struct v4l2_control."""

    _fields_ = (("id", c_uint32), ("value", c_int32))


class BufferRequest(Structure):
    """struct v4l2_requestbuffers; `rest` was reserved words at first and has gained meanings."""

    _fields_ = (
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("rest", c_uint32 * 2),
    )


def _request(direction: int, number: int, structure: type[Structure]) -> int:
    """The number of an ioctl: direction, size, letter, number (asm-generic/ioctl.h)."""
    return (direction << 30) | (ctypes.sizeof(structure) << 16) | (ord("V") << 8) | number


_READ, _WRITE = 2, 1

VIDIOC_QUERYCAP = _request(_READ, 0, Capability)
VIDIOC_ENUM_FMT = _request(_READ | _WRITE, 2, FormatDescription)
VIDIOC_REQBUFS = _request(_READ | _WRITE, 8, BufferRequest)
VIDIOC_G_CTRL = _request(_READ | _WRITE, 27, ControlValue)
VIDIOC_S_CTRL = _request(_READ | _WRITE, 28, ControlValue)
VIDIOC_QUERYCTRL = _request(_READ | _WRITE, 36, ControlDescription)
VIDIOC_ENUM_FRAMESIZES = _request(_READ | _WRITE, 74, FrameSize)
VIDIOC_ENUM_FRAMEINTERVALS = _request(_READ | _WRITE, 75, FrameInterval)
