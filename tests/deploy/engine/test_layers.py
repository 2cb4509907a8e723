"""What an engine's inspector says, in the forms of TensorRT 8.6, 10 and 11.

The descriptions are shaped as those that people have published, with names of a small network.
"""

from __future__ import annotations

import json
import sys

import pytest

from deploy.bundle import Bundle
from deploy.engine.forms import model_for
from deploy.engine.layers import (
    Layer,
    engine_information,
    operators_of,
    read_layers,
    tensor_type,
)
from deploy.engine.make import BuildSettings, find_or_build
from deploy.engine.recipe import INT8_QDQ
from deploy.engine.runner import EngineRefusedError
from deploy.errors import BackendError

INT8 = "Thirty-two wide channel vectorized row major Int8 format"
HALF = "Channel major FP16 format where channel % 8 == 0"
SINGLE = "Row major linear FP32"
only_10 = pytest.mark.parametrize("tensorrt_pose", ["10.3"], indirect=True)

OPERATORS = {
    "Conv_12": "Conv",
    "Clip_16": "Clip",
    "b1.c1": "Conv",
    "b1.r1": "Relu",
    "b1.c3": "Conv",
    "b1.add": "Add",
    "b1.out": "Relu",
    "b2.add": "Add",
    "/layer4/Conv": "Conv",
    "logits": "Gemm",
    "gap": "GlobalAveragePool",
    "sub": "Sub",
    "mul": "Mul",
}


def layer(name: str, kind: str, takes=(), gives=(), **more):
    def tensors(formats, word):
        return [
            {"Name": f"{word} Int8 {i}", "Location": "Device", "Dimensions": [1, 8, 16, 16], **f}
            for i, f in enumerate(
                {"Format/Datatype": f} if isinstance(f, str) else f for f in formats
            )
        ]

    sides = {"Inputs": tensors(takes, "in"), "Outputs": tensors(gives, "out")}
    return {"Name": name, "LayerType": kind, **sides, "TacticValue": "0x0", **more}


def read(*layers):
    return read_layers(json.dumps({"Layers": layers, "Bindings": ["image", "logits"]}), OPERATORS)


def test_names_of_8_6_tell_what_was_fused_weights_and_quantizers_aside():
    (found,) = read(
        layer(
            "features.0.0.weight + QuantizeLinear_8_quantize_scale_node + Conv_12 + PWN(Clip_16)",
            "CaskConvolution",
            [INT8],
            [INT8],
        )
    ).layers

    assert found.fused == ("Conv", "Clip")
    assert (found.takes, found.gives) == (("INT8",), ("INT8",))
    assert found.in_int8
    assert found.computes


def test_metadata_of_10_tells_it_where_the_name_does_not():
    (found,) = read(
        layer(
            "__myl_ConvAddRelu_myl0_7",
            "kgen",
            [INT8, INT8],
            [HALF],
            Metadata="[ONNX Layer: b1.c3]\x1e[ONNX Layer: b1.add]\x1e[ONNX Layer: b1.out]",
        )
    ).layers

    assert found.fused == ("Conv", "Add", "Relu")
    assert found.takes == ("INT8", "INT8")
    assert found.gives == ("FP16",)


def test_a_node_named_twice_counts_once():
    (found,) = read(
        layer(
            "b1.c1 + b1.r1",
            "CaskConvolution",
            [HALF],
            [HALF],
            Metadata="[ONNX Layer: b1.c1]\x1e[ONNX Layer: b1.r1]",
        )
    ).layers

    assert found.fused == ("Conv", "Relu")


def test_a_block_given_to_the_other_compiler_is_read_by_its_first_and_last_node():
    (found,) = read(
        layer("{ForeignNode[/layer4/Conv...logits]}", "Myelin", [HALF], [SINGLE])
    ).layers

    assert found.fused == ("Conv", "Gemm")


def test_the_split_fields_of_11_are_read():
    (found,) = read(
        layer(
            "b1.c1",
            "CaskConvolution",
            [{"Format": "Row major with 32 channels a vector", "DataType": "Int8"}],
            [{"Format": "Row major linear", "DataType": "Half"}],
        )
    ).layers

    assert (found.takes, found.gives) == (("INT8",), ("FP16",))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"Format/Datatype": INT8}, "INT8"),
        ({"Format/Datatype": "Four wide channel vectorized row major Int8 format."}, "INT8"),
        ({"Format/Datatype": "Row major linear UInt8 format"}, "UINT8"),
        ({"Format/Datatype": HALF}, "FP16"),
        ({"Format/Datatype": "Two wide channel vectorized row major FP16 format"}, "FP16"),
        ({"Format/Datatype": "Row major linear FP16 format"}, "FP16"),
        ({"Format/Datatype": SINGLE}, "FP32"),
        ({"Format/Datatype": "Float"}, "FP32"),
        ({"Format/Datatype": "Row major linear BF16 format"}, "BF16"),
        ({"Format/Datatype": "Row major linear INT32"}, "INT32"),
        ({"Format": "Linear", "DataType": "Half"}, "FP16"),
        ({"Format": "Row major linear FP32 format (kLINEAR)", "DataType": "Float"}, "FP32"),
        ({"Format/Datatype": "N/A due to dynamic shapes"}, "?"),
        ({"Name": "Int8 of the weights"}, "?"),
        ({}, "?"),
    ],
)
def test_types_are_read_from_every_wording(said, expected):
    assert tensor_type(said) == expected


def test_names_alone_are_an_engine_without_types():
    insight = read("b1.c3 + b1.add + b1.out", "Reformatting CopyNode for Input Tensor 0 to logits")

    assert insight.layers[0].fused == ("Conv", "Add", "Relu")
    assert insight.layers[0].takes == ("?",)
    assert insight.residuals == (1, 1)
    assert insight.layers[1].fused == ()  # a copy for a node is not made from it
    assert insight.summary()[-1].endswith("layers that compute do not say their types")
    assert insight.not_int8 == []  # which is not known, and not claimed


def test_int8_is_what_reads_int8_values_and_movers_do_not_count():
    insight = read(
        layer("Reformatting CopyNode for Input Tensor 0 to b1.c1", "Reformat", [SINGLE], [INT8]),
        layer("b1.c1 + b1.r1", "CaskConvolution", [INT8], [INT8]),
        layer("b1.c3 + b1.add + b1.out", "CaskConvolution", [HALF, HALF], [INT8]),
        layer("gap", "CaskPooling", [INT8], [INT8]),
        layer("logits", "gemm", [HALF], [SINGLE]),
        layer("(Unnamed Layer* 9) [Shuffle]", "NoOp", [SINGLE], [SINGLE]),
    )

    assert [found.name for found in insight.not_int8] == ["b1.c3 + b1.add + b1.out", "logits"]
    assert insight.summary()[0] == "6 layers, 4 of them compute, 2 of those on INT8 values"


def test_a_layer_that_only_gives_int8_computes_in_something_else():
    (found,) = read(
        layer("sub + mul", "PointWiseV2", ["Row major linear UInt8 format"], [INT8])
    ).layers

    assert not found.in_int8


def test_residual_additions_count_as_fused_only_beside_their_conv():
    insight = read(
        layer("b1.c3 + b1.add + b1.out", "CaskConvolution", [INT8, INT8], [INT8]),
        layer("b2.add", "ElementWise", [HALF, HALF], [HALF]),
        layer("b1.c1 + b1.r1", "CaskConvolution", [INT8], [INT8]),
    )

    assert insight.residuals == (1, 2)
    assert insight.summary()[1] == "residual additions in one layer with their Conv: 1 of 2"


def test_an_engine_that_tells_nothing_has_no_layers():
    assert read().layers == ()


@pytest.mark.parametrize(
    "said",
    [
        "",
        "conv1 + relu1",
        "null",
        "[]",
        "{}",
        '{"Layers": null}',
        '{"Layers": 5}',
        '{"Layers": [5]}',
        '{"Layers": [{"LayerType": "nameless"}]}',
        '{"Layers": [{"Name": "x", "Inputs": ["a"]}]}',
        '{"Layers": [{"Name": "x", "Inputs": 3}]}',
        '{"Layers": [[1, 2]]}',
    ],
)
def test_what_no_known_tensorrt_writes_is_a_typed_error(said):
    with pytest.raises(BackendError, match="unknown way"):
        read_layers(said, OPERATORS)


def test_the_inspector_of_every_version_shows_the_fusions_of_the_network(
    tensorrt_pose, bundle: Bundle
):
    engine = find_or_build(bundle, "int8", BuildSettings())

    information = engine_information(engine.read())
    insight = read_layers(information, operators_of(model_for(bundle, INT8_QDQ)))

    assert ("I/O Tensors" in information) == (tensorrt_pose.version == "11.4")
    assert insight.residuals == (3, 3)
    convs = [found for found in insight.layers if "Conv" in found.fused]
    assert len(convs) == 12
    assert all(found.in_int8 for found in convs)
    assert any("Gemm" in found.fused for found in insight.not_int8)
    assert not any("?" in found.takes for found in insight.layers)


@only_10
def test_an_engine_that_tensorrt_refuses_is_told_so(tensorrt_pose):
    with pytest.raises(EngineRefusedError, match=r"refused(.|\n)*TensorRT says"):
        engine_information(b"no engine")


def test_reading_layers_needs_no_tensorrt():
    """So that a description can be looked at on another computer."""
    assert "tensorrt" not in sys.modules
    assert isinstance(read(layer("b1.c1", "CaskConvolution", [INT8], [INT8])).layers[0], Layer)
