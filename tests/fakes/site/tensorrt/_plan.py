"""A serialized engine: what it was built from, how, and for which GPU and TensorRT."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import fake_gpu

from tensorrt._record import VERSION

MAGIC = b"ftrtplan"
TAG_OFFSET = 8
HEAD = struct.Struct("<8sQQ")  # magic, size of the JSON header, size of the ONNX file


def written(header: dict[str, Any], model: bytes) -> bytes:
    """The plan of an engine built here, now."""
    here = {"version": VERSION, **this_gpu()}
    text = json.dumps({**here, **header}).encode()
    body = HEAD.pack(MAGIC, len(text), len(model)) + text + model
    return body + hashlib.sha256(body).digest()


def this_gpu() -> dict[str, Any]:
    """The device, as far as a plan depends on it."""
    known = fake_gpu.settings()
    return {"gpu": known["name"], "capability": str(known["compute_capability"])}


def unpacked(data: bytes) -> tuple[dict[str, Any], bytes] | str:
    """(header, ONNX file) of a plan, or why it is none, in TensorRT's words."""
    if data[: len(MAGIC)] != MAGIC or len(data) < HEAD.size:
        return assertion("magicTagRead == kMAGIC_TAG", "Magic tag does not match")
    _, text_size, model_size = HEAD.unpack_from(data)
    end = HEAD.size + text_size + model_size
    if len(data) != end + 32:
        return assertion(
            "remaining >= size", "Size specified in header does not match archive size"
        )
    if hashlib.sha256(data[:end]).digest() != data[end:]:
        return assertion("checksum == computed", "Checksum does not match")
    header = json.loads(data[HEAD.size : HEAD.size + text_size])
    return header, data[HEAD.size + text_size : end]


def assertion(condition: str, meaning: str) -> str:
    """A deserialization error as TensorRT writes it."""
    return (
        "IRuntime::deserializeCudaEngine: Error Code 1: Serialization "
        f"(Serialization assertion {condition} failed.{meaning})"
    )


def misfit(header: dict[str, Any]) -> str | None:
    """Why an engine cannot run here, in TensorRT's words."""
    if header["version"] != VERSION:
        return assertion(
            "stdVersionRead == serializationVersion",
            "Version tag does not match. Note: Current Version: "
            f"{tag(VERSION)}, Serialized Engine Version: {tag(header['version'])}",
        )
    here = this_gpu()["capability"]
    if header["capability"] != here:
        return (
            "The engine plan file is generated on an incompatible device, expecting compute "
            f"{here} got compute {header['capability']}, please rebuild."
        )
    return None


def tag(version: str) -> int:
    """A number for a version."""
    numbers = [int(part) for part in version.split(".")] + [0, 0]
    return numbers[0] * 1000 + numbers[1] * 10 + numbers[2]
