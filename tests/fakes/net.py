"""A network of three Convs with a residual Add, made in milliseconds, for tests of the fakes."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIZE = 8
SHAPE = (1, SIZE, SIZE, 3)


def node(op_type: str, inputs: list[str], name: str, **attributes: Any) -> Any:
    """A node whose output has its name."""
    return helper.make_node(op_type, inputs, [name], name=name, **attributes)


def nodes() -> list[Any]:
    """uint8 (N, 8, 8, 3) -> logits (N, 5), embedding (N, 4)."""
    return [
        node("Cast", ["image"], "float", to=TensorProto.FLOAT),
        node("Transpose", ["float"], "nchw", perm=[0, 3, 1, 2]),
        node("Conv", ["nchw", "w1"], "conv1", pads=[1] * 4),
        node("Relu", ["conv1"], "relu1"),
        node("Conv", ["relu1", "w2"], "conv2", pads=[1] * 4),
        node("Add", ["conv2", "relu1"], "add"),
        node("Relu", ["add"], "relu2"),
        node("GlobalAveragePool", ["relu2"], "pooled"),
        node("Flatten", ["pooled"], "embedding"),
        node("Gemm", ["embedding", "w3"], "logits"),
    ]


def weights() -> list[Any]:
    rng = np.random.default_rng(0)
    shapes = {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3), "w3": (4, 5)}
    return [
        numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]


def model_of(made: list[Any], constants: list[Any], batch: Any = "N") -> bytes:
    """An ONNX file of these nodes."""
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, SIZE, SIZE, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, 5]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 4]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def float_model(batch: Any = "N") -> bytes:
    """The network in float32."""
    return model_of(nodes(), weights(), batch)


def quantized_model(
    *, scale: float = 0.5, zero_point: Any = None, inputs: int = 3, at: str = "relu1"
) -> bytes:
    """The network with a Q/DQ pair before the second Conv, good or bad."""
    zero = np.int8(0) if zero_point is None else zero_point
    made = nodes()
    given = [at, "scale", "zero"][:inputs]
    q = node("QuantizeLinear", given, "q")
    dq = node("DequantizeLinear", ["q", "scale", "zero"][:inputs], "dq")
    made[4].input[0] = "dq"
    constants = [
        *weights(),
        numpy_helper.from_array(np.array(scale, np.float32), "scale"),
        numpy_helper.from_array(np.asarray(zero), "zero"),
    ]
    return model_of([*made[:4], q, dq, *made[4:]], constants)
