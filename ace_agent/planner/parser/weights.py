"""The parser's weights, and one call from a request to what it wrote."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.errors import ModelError
from ace_agent.planner.parser.encoding import Encoded, Seen, encode
from ace_agent.planner.parser.reading import write_greedily

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from ace_agent.planner.parser.plan_tokens import WrittenStep

ENCODER, DECODER, TOKENIZER = "encoder.onnx", "decoder.onnx", "tokenizer.json"


def folder() -> Path | None:
    """The weights that ship with the package; None if there are none."""
    found = Path(str(resources.files("ace_agent").joinpath("weights/planner")))
    return found if (found / ENCODER).is_file() else None


@dataclass(frozen=True)
class Read:
    """What the parser wrote for a request, and how sure it is of its tasks and pictures, 0 to 1."""

    steps: list[WrittenStep]
    sure: float
    encoded: Encoded


class PlanParser:
    """The parser in ONNX Runtime; loaded at the first request.

    Args:
        weights: folder of the weights; None: those of the package.
        threads: CPU threads; 0: ONNX Runtime's own number.
    """

    def __init__(self, weights: Path | None = None, threads: int = 0) -> None:
        self._folder, self._threads = weights, threads
        self._lock = threading.Lock()
        self._loaded = False

    def load(self) -> None:
        """Load now. Raises ModelError if the weights are missing or broken."""
        with self._lock:
            if self._loaded:
                return
            found = self._folder or folder()
            if found is None:
                raise ModelError(
                    "the planner's model is not in this installation", "plan with --planner rules"
                )
            import onnxruntime
            from tokenizers import Tokenizer

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            options.log_severity_level = 3
            try:
                self._tokenizer = Tokenizer.from_file(str(found / TOKENIZER))
                self._encoder, self._decoder = (
                    onnxruntime.InferenceSession(str(found / name), options, ["CPUExecutionProvider"])
                    for name in (ENCODER, DECODER)
                )
            except Exception as error:
                raise ModelError(
                    f"the planner's model in {found} cannot be loaded: {str(error)[:120]}", "install again"
                ) from error
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()
            self._loaded = True

    def read(self, request: str, pictures: Sequence[Seen], masked: bool = False) -> Read:
        """What the parser writes for a request beside its pictures, oldest first. Raises ModelError."""
        import numpy as np

        self.load()
        encoded = encode(self._tokenizer, request, pictures, masked)
        row = {"ids": np.array([encoded.ids]), "places": np.array([encoded.places])}
        states = self._encoder.run(None, row)[0]

        def scores(written: Sequence[int]) -> npt.NDArray[np.float32]:
            found: npt.NDArray[np.float32] = self._decoder.run(
                None, {"states": states, "written": np.array([written])}
            )[0]
            return found

        steps, sure = write_greedily(scores, encoded)
        return Read(steps, sure, encoded)
