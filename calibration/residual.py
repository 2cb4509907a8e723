"""Residual additions: which input is the shortcut, and Q/DQ on that one alone.

TensorRT computes a Conv and the Add behind it in one kernel when the Conv's own output stays in
float and the shortcut comes as INT8. With both inputs quantized it cannot; with neither it adds
in FP16 or FP32. Source: NVIDIA/TensorRT, tools/tensorflow-quantization, "Residual connections".
ONNX Runtime's quantizer knows only both or neither.
"""

from __future__ import annotations

from typing import Any

from deploy.onnx_graph import DEQUANTIZE, QUANTIZE, GraphView, drop_unread_constants, rename_input


def residual_adds(view: GraphView) -> list[Any]:
    """The Adds of two computed tensors; one that adds a constant is no residual."""
    return [a for a in view.of_type("Add") if not any(view.is_constant(i) for i in a.input)]


def main_and_shortcut(view: GraphView, add: Any) -> tuple[int, int]:
    """Which input of a residual Add ends the main branch, and which the shortcut.

    Back to where the two part, the main branch passes more Convs: three against none, or
    against the downsampling one.

    Raises:
        ValueError: the two inputs do not come from one tensor.
    """
    first, second = (_chain(view, name) for name in add.input)
    parting = next((name for name in first if name in second), None)
    if parting is None:
        raise ValueError(f"the inputs of {add.name} do not come from one tensor")
    convs = [_count_convs(view, chain[: chain.index(parting)]) for chain in (first, second)]
    return (0, 1) if convs[0] > convs[1] else (1, 0)


def _chain(view: GraphView, tensor: str) -> list[str]:
    """A tensor and what it was made from, back to the previous Add or the graph's input."""
    chain = [tensor]
    while (maker := view.maker(tensor)) is not None and maker.op_type != "Add":
        tensor = maker.input[0]
        chain.append(tensor)
    return chain


def _count_convs(view: GraphView, chain: list[str]) -> int:
    return sum(view.made_by(name, "Conv") for name in chain)


def repair_residuals(model: Any) -> list[str]:
    """Remove the Q/DQ pair from the main branch of every residual Add.

    Args:
        model: an onnx.ModelProto from the quantizer; changed in place.

    Returns:
        The names of the tensors, one for each Add, that are in float again.
    """
    view = GraphView(model.graph)
    freed = []
    for add in residual_adds(view):
        main, _ = main_and_shortcut(view, add)
        source = view.before_quantization(add.input[main])
        rename_input([add], add.input[main], source)
        freed.append(source)
    _drop_unread(model.graph)
    return freed


def _drop_unread(graph: Any) -> None:
    """Remove Q and DQ nodes that nothing reads any more, and the constants they alone read."""
    outputs = {output.name for output in graph.output}
    while True:
        read = {name for node in graph.node for name in node.input} | outputs
        unread = [
            node
            for node in graph.node
            if node.op_type in (QUANTIZE, DEQUANTIZE) and node.output[0] not in read
        ]
        if not unread:
            break
        for node in unread:
            graph.node.remove(node)
    drop_unread_constants(graph)
