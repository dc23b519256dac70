"""Compile a launch for a chip, and read the machine code."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace_kernels.compile_report.launches import Launch
from ace_kernels.compile_report.targets import TARGETS, Target


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of a launch. `narrowest`: bytes a thread of the narrowest global load in a loop."""

    registers: int
    spilled: int
    shared: int
    matrix: int
    narrowest: int | None
    tma: int
    stores: int
    traps: int

    def problems(self, launch: Launch, target: Target) -> list[str]:
        """Reasons to refuse it."""
        found = []
        if self.traps:
            found.append("traps")
        if not self.stores:
            found.append("stores nothing")
        if self.spilled:
            found.append(f"spills {self.spilled} bytes")
        if self.shared > target.shared:
            found.append(f"needs {self.shared} bytes of shared memory, the chip has {target.shared}")
        if launch.multiplies and not self.matrix:
            found.append(f"no {target.matrix}")
        if launch.aligned and self.narrowest is not None and self.narrowest < 4:
            found.append(f"loads {self.narrowest} bytes at a time in a loop")
        if launch.descriptors and not self.tma:
            found.append("no TMA")
        return found


def compile_launch(launch: Launch, chip: str) -> Compiled:
    """Compile, disassemble and count."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    target = TARGETS[chip]
    compiled = triton.compile(
        ASTSource(launch.kernel, *launch.signature(target.backend)),
        target=GPUTarget(target.backend, target.arch, target.warp),
        options=launch.options,
    )
    read = read_nvidia if target.backend == "cuda" else read_amd
    return Compiled(shared=compiled.metadata.shared, **read(compiled.asm, target))


def read_nvidia(asm: dict[str, Any], target: Target) -> dict[str, Any]:
    """The figures of a cubin, by the tools that come with Triton."""
    import triton

    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        cubin.write_bytes(asm["cubin"])
        usage = _run(tools / "cuobjdump", "-res-usage", cubin)
        code = _run(tools / "nvdisasm", "-c", cubin)
    numbers = re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", usage)
    if numbers is None:
        raise RuntimeError(f"cuobjdump printed no resource usage: {usage.strip()[-200:]}")
    registers, stack, local = map(int, numbers.groups())
    # A spill shows as a stack frame, or at least as loads and stores of local memory.
    local_accesses = len(re.findall(r"\b(?:LDL|STL)\b", code))
    return {
        "registers": registers,
        "spilled": stack + local or 4 * local_accesses,
        "matrix": len(re.findall(rf"\b{target.matrix}\b", code)),
        "narrowest": narrowest_load(code, r"\.L_x_\d+", r"\b(?:LDG|LDGSTS)\.[A-Z0-9_.]+", nvidia_width),
        "tma": len(re.findall(r"\bUTMALDG\b", code)),
        "stores": len(re.findall(r"\b(?:STG|UTMASTG)\b", code)),
        # In PTX, because the machine code of every tcgen05 kernel has traps in functions that guard its allocations.
        "traps": len(re.findall(r"\btrap;", asm["ptx"])),
    }


def read_amd(asm: dict[str, Any], target: Target) -> dict[str, Any]:
    """The figures of AMD assembly."""
    code = asm["amdgcn"]

    def number(name: str) -> int:
        found = re.search(rf"\.{name}:\s+(\d+)", code)
        return int(found.group(1)) if found else 0

    return {
        "registers": number("vgpr_count"),
        "spilled": 4 * (number("vgpr_spill_count") + number("sgpr_spill_count")),
        "matrix": len(re.findall(target.matrix, code)),
        "narrowest": narrowest_load(code, r"\.LBB\d+_\d+", r"\b(?:global|buffer)_load_\w+", amd_width),
        "tma": 0,
        "stores": len(re.findall(r"\b(?:global|buffer|flat)_store_\w+", code)),
        "traps": len(re.findall(r"\bs_trap\b", code)),
    }


def _run(tool: Path, *arguments: str | Path) -> str:
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def nvidia_width(load: str) -> int:
    """Bytes a thread of a load instruction."""
    parts = load.split(".")
    for part, width in (("128", 16), ("64", 8), ("U16", 2), ("S16", 2), ("U8", 1), ("S8", 1)):
        if part in parts:
            return width
    return 4


def amd_width(load: str) -> int:
    """Bytes a thread of a load instruction."""
    for part, width in (("dwordx4", 16), ("dwordx3", 12), ("dwordx2", 8), ("dword", 4), ("byte", 1)):
        if part in load:
            return width
    return 2  # short and d16 loads


def narrowest_load(code: str, label: str, load: str, width: Callable[[str], int]) -> int | None:
    """Bytes of the narrowest global load inside any loop, that is between a label and a later jump back to it."""
    lines = code.splitlines()
    seen: dict[str, int] = {}
    inside: set[int] = set()
    for place, line in enumerate(lines):
        mark = re.match(rf"\s*({label}):", line)
        if mark:
            seen[mark.group(1)] = place
        elif re.search(r"\bBRA\b|\bs_c?branch", line):
            target = re.search(label, line)
            if target and target.group() in seen:
                inside.update(range(seen[target.group()], place))
    widths = [width(found) for place in inside for found in re.findall(load, lines[place])]
    return min(widths, default=None)
