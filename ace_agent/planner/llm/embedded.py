"""The embedded language model as a planner: SmolLM2-135M with our adapter writes the plan language under a grammar."""

from __future__ import annotations

import inspect
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.planner.interface import Context, ignore_progress
from ace_agent.planner.llm.plan_language import grammar, parse, prompt
from ace_agent.planner.llm.weights import Progress, adapter_folder, fast_dtype, load, source
from ace_agent.planner.proposal import ProposedPlan
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.grounding import ground
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.rule_planner import propose

if TYPE_CHECKING:
    import torch

MAX_NEW_TOKENS = 200
MAX_PROMPT_TOKENS = 900
"""A request whose prompt is longer is planned by the rules."""


class LanguageModel:
    """The loaded model: a prompt in, the plan language out.

    Args:
        adapter: folder of the LoRA adapter; None: the base model.
        threads: CPU threads to use; None: torch's own number.
        progress: takes the state of conversion and loading.
    """

    def __init__(
        self, adapter: Path | None, threads: int | None = None, progress: Progress = ignore_progress
    ) -> None:
        import llguidance.hf
        import torch

        if threads:
            torch.set_num_threads(threads)
        # typed loosely: transformers' own types differ from what its models and llguidance take
        self.model, self.tokenizer = cast("tuple[Any, Any]", load(adapter, progress))
        self.model.to(fast_dtype())
        self.width = int(self.model.config.vocab_size)
        try:
            self.guide = llguidance.hf.from_tokenizer(self.tokenizer, n_vocab=self.width)
        except Exception as error:
            raise ModelError("the planner's grammar cannot be set up", str(error)[:120]) from error
        # transformers renamed it, and warns on the person's terminal of the old name
        taken = inspect.signature(self.model.forward).parameters
        self.cache_name = "cache" if "cache" in taken else "past_key_values"
        self.end = int(self.tokenizer.convert_tokens_to_ids("<|im_end|>"))

    def write(self, text: str, lark: str, most: int = MAX_NEW_TOKENS) -> str:
        """Continues a prompt greedily, one token at a time, among the tokens that the grammar allows.

        Args:
            text: the prompt.
            lark: a Lark grammar of llguidance.
            most: tokens after which it stops.

        Raises:
            PlanError: the prompt is too long.
        """
        import llguidance
        import llguidance.torch as masks
        import torch
        from transformers import DynamicCache

        ids = self.tokenizer(text, return_tensors="pt").input_ids
        if ids.shape[1] > MAX_PROMPT_TOKENS:
            raise PlanError("the request is too long for the language model", "say it in fewer words")
        matcher = llguidance.LLMatcher(self.guide, lark)
        if matcher.get_error():
            raise PlanError("the planner's grammar is wrong", matcher.get_error()[:120])
        bits = masks.allocate_token_bitmask(1, self.width)
        written: list[int] = []
        kept = {self.cache_name: DynamicCache()}
        with torch.inference_mode():
            while len(written) < most:
                out = self.model(input_ids=ids, use_cache=True, **kept)
                masks.fill_next_token_bitmask(matcher, bits, 0)
                allowed = _unpacked(bits, self.width)
                if matcher.is_accepting():
                    allowed[self.end] = True
                scores = out.logits[0, -1].masked_fill(~allowed, float("-inf"))
                token = int(scores.argmax())
                if token == self.end or not matcher.consume_token(token):
                    break
                written.append(token)
                if matcher.is_stopped():
                    break
                ids = torch.tensor([[token]])
        return str(self.tokenizer.decode(written))


def _unpacked(bits: torch.Tensor, width: int) -> torch.Tensor:
    """llguidance's bit mask, int32 [1, width / 32], as bool [width] (its own helper calls torch.compile)."""
    import torch

    places = torch.arange(32, dtype=torch.int32)
    return ((bits[0].unsqueeze(1) >> places) & 1).bool().reshape(-1)[:width]


class LanguageModelPlanner:
    """Plans with the embedded language model; pictures, sizes and counts are read by rule.

    Args:
        adapter: folder of the LoRA adapter; None: the one that ships with the package.
        threads: CPU threads to use; None: torch's own number.
    """

    name = "embedded"

    def __init__(self, adapter: Path | None = None, *, threads: int | None = None) -> None:
        self._adapter = adapter or adapter_folder()
        self._threads = threads
        self._progress: Progress = ignore_progress
        self._lock = threading.Lock()
        self._loaded: LanguageModel | None = None
        self._failure: ModelError | None = None
        self.seconds_to_load = 0.0

    def preload(self) -> threading.Thread:
        """Begins to load in the background; `plan` waits for it."""
        thread = threading.Thread(target=self._try, name="planner", daemon=True)
        thread.start()
        return thread

    def _try(self) -> None:
        try:
            self.model()
        except ModelError:
            return  # kept in _failure, raised by the first plan

    def _report(self, message: str, fraction: float) -> None:
        self._progress(message, fraction)

    def model(self) -> LanguageModel:
        """The model, loaded at the first call. Raises ModelError if it cannot be, at every call."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._loaded is None:
                started = time.perf_counter()
                try:
                    if self._adapter is None:
                        raise ModelError(
                            "the planner's language model has no adapter", "ace train-planner makes one"
                        )
                    source()  # raises before torch is imported if it is not installed
                    self._loaded = LanguageModel(self._adapter, self._threads, self._report)
                except ModelError as error:
                    self._failure = error
                    raise
                except ImportError as error:
                    self._failure = ModelError("the planner's language model cannot be loaded", str(error))
                    raise self._failure from error
                self.seconds_to_load = time.perf_counter() - started
            return self._loaded

    def propose(self, request: ParsedRequest) -> ProposedPlan:
        """What the model writes for a request.

        Raises:
            ModelError: the model cannot be loaded.
            PlanError: the prompt is too long.
        """
        context = request.context
        lark = grammar(_highest(context), context.inputs)
        self._progress = context.progress  # also for a loading that began in the background
        return parse(self.model().write(prompt(request.text, context), lark))

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request.

        Raises:
            PlanError: one line that the person can act on.
            ModelError: the model cannot be loaded.
        """
        parsed = ParsedRequest(request, context)
        if parsed.off_topic is not None:
            raise parsed.off_topic
        proposed = self.propose(parsed)
        try:
            rules = propose(parsed)
        except PlanError:
            rules = None
        return resolve(ground(proposed, parsed, rules), context)


def _highest(context: Context) -> int:
    return max((int(i.id[1:]) for i in context.images if i.id[1:].isdigit()), default=0)
