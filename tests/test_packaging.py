"""The tree's own rules: source roots, who may import whom, and what stays free of torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ace_agent.cli.room_reference import SOURCE_ROOTS, imported, python_files

ROOT = Path(__file__).resolve().parent.parent
# Room -> rooms it may import; see docs/design.md. A room not named here may import nothing of ours.
ROOTLESS = {"ace_agent", "ace_agent.errors"}
FILES = {"ace_agent.files"}
LEAVES = ROOTLESS | FILES | {"ace_agent.build_lock", "ace_agent.quotes", "ace_agent.images", "ace_agent.plan"}
REFERENCES = LEAVES | {"ace_agent.references"}
# Both models stand on what they share and know nothing of each other; the registry alone knows all.
ENGINE = (
    LEAVES
    | {"ace_kernels"}
    | {f"ace_agent.engines.{name}" for name in ("ace", "interface", "presets", "runtime")}
)
ENGINES = REFERENCES | {"ace_agent.engines", "ace_kernels"}
PLANNER = REFERENCES | {"ace_agent.planner"}
PLANNER_ENGLISH = {
    *("ace_agent.errors", "ace_agent.plan.schema", "ace_agent.references", "ace_agent.planner.english"),
}
PLANNER_CORE = PLANNER_ENGLISH | {
    "ace_agent.plan",
    *(f"ace_agent.planner.{name}" for name in ("interface", "instructions", "proposal", "resolver")),
}
PLANNER_RULES = PLANNER_CORE | {"ace_agent.planner.rules"}
PLANNER_LLM = PLANNER_RULES | {"ace_agent.planner.llm", "ace_agent.build_lock"}
EXECUTION = ENGINES | {"ace_agent.execution", "ace_memory"}
CONVERSATION = {
    *("ace_memory", "ace_agent.errors", "ace_agent.files", "ace_agent.images", "ace_agent.plan"),
    *("ace_agent.planner.interface", "ace_agent.execution", "ace_agent.process_owner", "ace_agent.turns"),
}
MODELS = {f"ace_agent.engines.{name}" for name in ("interface", "presets", "registry", "router", "runtime")}
AGENT = {
    *(CONVERSATION - {"ace_agent.files"} | MODELS),
    *("ace_agent.conversation", "ace_agent.rerun", "ace_agent.workspace"),
    *(f"ace_agent.planner.{name}" for name in ("factory", "named_images", "english.vocabulary")),
}
LEARNING = ENGINES | {"ace_agent.data", "ace_agent.reports", "ace_agent.execution.fidelity"}
EVALUATION = LEARNING | PLANNER | {"ace_agent.evaluation"}
TRAINING = EVALUATION | {"ace_agent.training"}
COMMANDS = (
    AGENT
    | TRAINING
    | {"ace_agent.agent", "ace_agent.batch"}
    | {f"ace_agent.cli.{name}" for name in ("command_table", "commands", "ui")}
)
ALLOWED = {
    "ace_kernels": {"ace_kernels"},
    "ace_memory": {"ace_memory"},
    "ace_agent.errors": set(),
    "ace_agent.build_lock": set(),
    "ace_agent.quotes": set(),
    "ace_agent.process_owner": set(),
    "ace_agent.files": {"ace_agent.errors", "ace_agent.process_owner"},
    "ace_agent.images": {"ace_agent.errors", "ace_agent.images"},
    "ace_agent.plan": ROOTLESS | FILES | {"ace_agent.plan"},
    "ace_agent.references": {
        "ace_agent.errors",
        "ace_agent.quotes",
        "ace_agent.images",
        "ace_agent.references",
    },
    "ace_agent.engines": ENGINES,
    "ace_agent.engines.ace": ROOTLESS | {"ace_agent.engines.ace", "ace_kernels"},
    "ace_agent.engines.mini": ENGINE | {"ace_agent.engines.mini", "ace_agent.references"},
    "ace_agent.engines.released": ENGINE | {"ace_agent.engines.released", "ace_agent.engines.memory_budget"},
    "ace_agent.engines.diffusers": ENGINE
    | {"ace_agent.engines.diffusers", "ace_agent.engines.memory_budget"},
    "ace_agent.engines.experts": LEAVES | {"ace_agent.engines.experts", "ace_agent.engines.interface"},
    "ace_agent.planner": PLANNER,
    "ace_agent.planner.interface": ROOTLESS | {"ace_agent.plan"},
    "ace_agent.planner.english": PLANNER_ENGLISH,
    "ace_agent.planner.proposal": {"ace_agent.plan"},
    "ace_agent.planner.resolver": PLANNER_CORE,
    "ace_agent.planner.rules": PLANNER_RULES,
    "ace_agent.planner.llm": PLANNER_LLM,
    "ace_agent.execution": EXECUTION,
    "ace_agent.turns": {
        "ace_memory",
        "ace_agent.errors",
        "ace_agent.files",
        "ace_agent.images",
        "ace_agent.plan",
    },
    "ace_agent.workspace": {
        "ace_memory",
        "ace_agent.errors",
        "ace_agent.files",
        "ace_agent.images",
        "ace_agent.plan",
        "ace_agent.turns",
    },
    "ace_agent.conversation": CONVERSATION,
    "ace_agent.rerun": {
        "ace_agent.errors",
        "ace_agent.engines.experts.expert",
        "ace_agent.engines.interface",
        "ace_agent.execution",
    },
    "ace_agent.agent": AGENT,
    "ace_agent.batch": MODELS
    | {
        "ace_agent.errors",
        "ace_agent.files",
        "ace_agent.plan",
        "ace_agent.agent",
        "ace_agent.execution",
    },
    "ace_agent.reports": LEAVES
    | {"ace_agent.references.types", "ace_agent.conversation", "ace_agent.turns", "ace_agent.reports"},
    "ace_agent.data": ROOTLESS
    | {
        "ace_agent.files",
        "ace_agent.images",
        "ace_agent.references",
        "ace_agent.plan.tasks",
        "ace_agent.reports.shard_page",
        "ace_agent.data",
    },
    "ace_agent.training": TRAINING,
    "ace_agent.evaluation": EVALUATION,
    "ace_agent.cli": COMMANDS | {"ace_agent.cli"},
    # No command is imported by another's helpers, nor by the group, which loads each by name.
    "ace_agent.cli.commands": COMMANDS,
    "ace_agent.cli.ui": ROOTLESS
    | {
        "ace_agent.agent",
        "ace_agent.engines.experts.description",
        "ace_agent.engines.runtime",
        "ace_agent.files",
        "ace_agent.images.files",
        "ace_agent.plan",
        "ace_agent.cli.ui",
    },
    "ace_tools": AGENT - {"ace_memory", "ace_agent.conversation", "ace_agent.rerun"}
    | {"ace_agent", "ace_agent.agent", "ace_agent.files", "ace_agent.cli.ui.options", "ace_tools"},
}


def within(name: str, rooms: set[str]) -> bool:
    """Whether a dotted import lands in one of the rooms (`ace_agent` alone means the bare package)."""
    for room in rooms:
        if room == "ace_agent":
            if name in {"ace_agent", "ace_agent.__version__"}:
                return True
        elif name == room or name.startswith(room + "."):
            return True
    return False


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_room_imports_only_what_the_design_allows(room: str) -> None:
    wrong = []
    for module, path in python_files(room.split(".")[0]):
        if within(module, {room}):
            wrong += [
                f"{module} imports {name}"
                for name in imported(path, module)
                if name.split(".")[0] in SOURCE_ROOTS and not within(name, ALLOWED[room])
            ]
    assert not wrong, "\n".join(sorted(wrong))


def test_every_module_belongs_to_a_room() -> None:
    rooms = {*ALLOWED, "ace_agent"}
    homeless = [
        module for package in SOURCE_ROOTS for module, _ in python_files(package) if not within(module, rooms)
    ]
    assert not homeless


def test_no_module_imports_itself_by_a_detour() -> None:
    """Lazy imports count: a circle that a function hides is a circle all the same."""
    modules = {module for package in SOURCE_ROOTS for module, _ in python_files(package)}
    graph: dict[str, set[str]] = {}
    for package in SOURCE_ROOTS:
        for module, path in python_files(package):
            names = imported(path, module)
            graph[module] = {n if n in modules else n.rpartition(".")[0] for n in names} & modules - {module}
    circles = []
    while True:
        leaves = {module for module, names in graph.items() if not names & graph.keys()}
        if not leaves:
            break
        graph = {module: names for module, names in graph.items() if module not in leaves}
    for module, names in graph.items():
        circles.append(f"{module} -> {', '.join(sorted(names & graph.keys()))}")
    assert not circles, "\n".join(sorted(circles))


def test_source_roots_are_not_packages() -> None:
    """A package called `kernels` on the path would shadow the one that transformers imports."""
    for folder in ("kernels", "memory", "tools"):
        assert not (ROOT / folder / "__init__.py").exists()


def test_optional_names_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"]["ace"] == "ace_agent.cli:main"
    assert {
        "data",
        "ray",
        "openai",
        "anthropic",
        "ollama",
        "tools",
        "terminal-images",
        "dev",
    } <= set(project["optional-dependencies"])
    import ace_agent

    assert project["version"] == ace_agent.__version__


def run_python(code: str, *, cwd: Path = ROOT) -> str:
    """Run code in a fresh interpreter whose path starts with the repository root and the source roots."""
    path = os.pathsep.join(map(str, dict.fromkeys(SOURCE_ROOTS.values())))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_hugging_face_models_load_beside_our_kernels_folder(tmp_path: Path) -> None:
    """T5, Llama and AutoencoderKL import Hugging Face's `kernels`; ours must not stand in its way."""
    code = f"""
import sys, pathlib
assert str(pathlib.Path({str(ROOT)!r})) in sys.path
from diffusers import AutoencoderKL
from transformers import LlamaConfig, LlamaForCausalLM, T5Config, T5EncoderModel
folder = pathlib.Path({str(tmp_path)!r})
T5EncoderModel(T5Config(vocab_size=32, d_model=8, d_kv=4, d_ff=16, num_layers=1,
                        num_heads=2)).save_pretrained(folder / "t5")
LlamaForCausalLM(LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=16, num_hidden_layers=1,
                             num_attention_heads=2, num_key_value_heads=2)).save_pretrained(folder / "llama")
AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=8).save_pretrained(folder / "vae")
for cls, name in ((T5EncoderModel, "t5"), (LlamaForCausalLM, "llama"), (AutoencoderKL, "vae")):
    model = cls.from_pretrained(folder / name)
    assert sum(p.numel() for p in model.parameters()) > 0
    print(type(model).__name__)
"""
    assert run_python(code).split() == ["T5EncoderModel", "LlamaForCausalLM", "AutoencoderKL"]


@pytest.mark.parametrize(
    "code",
    [
        "import ace_agent",
        "import ace_memory",
        "import ace_tools",
        "from ace_agent import Agent; Agent().conversation",
        "from ace_agent.cli import main; main(['--help'], standalone_mode=False)",
        "from ace_agent.cli import main; main(['conversations'], standalone_mode=False)",
        "from ace_agent.cli import main; main(['plan', 'a red car', '--planner', 'rules'], standalone_mode=False)",
    ],
)
def test_nothing_imports_torch_before_a_model_must_run(code: str) -> None:
    output = run_python(
        f"import sys\n{code}\nprint([m for m in ('torch', 'diffusers', 'transformers') if m in sys.modules])"
    )
    assert output.strip().endswith("[]")
