"""`python -m ace_kernels.compile_report`: compile every kernel for every chip, and read what came out.

No GPU is needed. Exits 1 if a kernel spills a register, misses its chip's matrix instruction, loads narrower
than 4 bytes in a loop, or does not fit. What it shows is what the compiler made, not a speed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ace_kernels.backend import is_interpreted, triton_problem
from ace_kernels.ops.range_attention.api import MAX_WIDTH, MIN_WIDTH


@dataclass(frozen=True)
class Chip:
    """A compilation target, its matrix instruction in the disassembly, and its shared memory in bytes."""

    backend: str
    arch: int | str
    warp: int
    matrix: str
    shared: int


CHIPS = {
    "sm_80": Chip("cuda", 80, 32, "HMMA", 163 << 10),
    "sm_90": Chip("cuda", 90, 32, "HGMMA", 227 << 10),
    "sm_100": Chip("cuda", 100, 32, "UTCHMMA", 227 << 10),
    "gfx942": Chip("hip", "gfx942", 64, "v_mfma", 64 << 10),
}

# The head widths of ACE-0.6B and ace-mini, and two more that other tiles run.
WIDTHS = (72, 64, 32, 128)

# Triton's names of what the kernels take; every pointer and every row stride is a multiple of 16.
TYPES = {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32"}
INTEGERS = {"TILES", "KEY_TILES", "READERS", "INDEX", "ORDER", "BOUNDS"}
FLOATS = {"LSE", "DELTA", "MEAN", "INVERSE", "COS", "SIN", "SUM", "PRODUCT", "DWEIGHT"}
SCALARS = {"scale": "fp32", "scale_log2": "fp32", "eps": "fp32"}
UNALIGNED = {"num_queries", "num_rows", "count", *SCALARS}


@dataclass(frozen=True)
class Case:
    """One kernel as it would be compiled for one chip."""

    name: str
    chip: str
    kernel: Any
    dtype: torch.dtype
    constants: dict[str, Any]
    options: dict[str, Any]
    matrix: bool = True
    descriptors: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of a case."""

    registers: int
    spilled: int
    shared: int
    matrix: int
    narrowest: int | None
    tma: int
    seconds: float

    def problems(self, case: Case) -> list[str]:
        """Reasons to refuse it."""
        chip = CHIPS[case.chip]
        found = []
        if self.spilled:
            found.append(f"spills {self.spilled} bytes")
        if self.shared > chip.shared:
            found.append(f"wants {self.shared} bytes of shared memory of {chip.shared}")
        if case.matrix and not self.matrix:
            found.append(f"no {chip.matrix}")
        if self.narrowest is not None and self.narrowest < 4:
            found.append(f"loads {self.narrowest} bytes at a time in a loop")
        if case.descriptors and not self.tma:
            found.append("no TMA")
        return found


def attention_cases(chip: str, width: int = 72, dtype: torch.dtype = torch.bfloat16) -> Iterator[Case]:
    """The three heavy kernels of range attention, for 16 heads of `width`."""
    from ace_kernels.ops.range_attention import triton as launch
    from ace_kernels.ops.range_attention import triton_kernels as kernels

    exact = dtype is torch.float32
    for name, table, kernel in (
        ("attention forward", launch.FORWARD, kernels.range_attention_fwd_kernel),
        ("attention dq", launch.GRAD_Q, kernels.range_attention_dq_kernel),
        ("attention dk, dv", launch.GRAD_KV, kernels.range_attention_dkdv_kernel),
    ):
        tile = launch.tile_for(table, chip, width, dtype)
        constants = launch.constants(tile, 16, width, dtype, 128) | {"PARTS": 1}
        descriptors = {}
        if table is launch.FORWARD:
            constants |= launch.forward_constants(tile, constants)
            for piece, letter in ((0, "k"), (0, "v"), (1, "k"), (1, "v")):
                columns = constants[f"D{piece}"]
                if tile.tma and columns:
                    descriptors[f"{letter}{piece}_desc"] = (constants["BN"], columns)
                else:
                    constants[f"{letter}{piece}_desc"] = None
        yield Case(
            f"{name} {width}", chip, kernel, dtype, constants, launch.options(tile), not exact, descriptors
        )


def other_cases(chip: str, channels: int = 1152, width: int = 72) -> Iterator[Case]:
    """The kernels without matrix instructions, in bfloat16."""
    from ace_kernels import sum_by_sample as sums
    from ace_kernels.ops.gate_residual import triton as gating
    from ace_kernels.ops.layer_norm_modulate import triton as modulation
    from ace_kernels.ops.range_attention import triton as launch
    from ace_kernels.ops.range_attention.triton_kernels import range_attention_delta_kernel
    from ace_kernels.ops.rms_norm_rope import triton as rotation
    from ace_kernels.row_layout import WARPS, row_constants

    row = row_constants(channels)
    turn = {**row, "D": width, "NORM": True, "ROPE": True}
    total = {"C": channels, "ROWS": sums.ROWS, "COLUMNS": sums.COLUMNS, "NORM": True}
    delta = {"H": 16, "D": width, "WIDTH": launch.padded(width), "BM": launch.DELTA_ROWS}
    options = {"num_warps": WARPS, "enable_fp_fusion": True}
    for name, kernel, constants in (
        ("attention delta", range_attention_delta_kernel, delta),
        ("layer norm, modulate", modulation.layer_norm_modulate_fwd_kernel, row),
        ("layer norm, modulate backward", modulation.layer_norm_modulate_bwd_kernel, row),
        ("rms norm, rope", rotation.rms_norm_rope_fwd_kernel, turn),
        ("rms norm, rope backward", rotation.rms_norm_rope_bwd_kernel, turn),
        ("gate, residual", gating.gate_residual_fwd_kernel, row | {"RESIDUAL": True}),
        ("sums by sample", sums.sum_by_sample_kernel, total | {"PARTS": sums.PARTS}),
    ):
        yield Case(name, chip, kernel, torch.bfloat16, constants, options, matrix=False)


def all_cases(widths: Sequence[int] = WIDTHS) -> Iterator[Case]:
    """Every kernel for every chip, attention's in bfloat16 for each head width."""
    for chip in CHIPS:
        for width in widths:
            yield from attention_cases(chip, width)
        yield from attention_cases(chip, 72, torch.float32)
        yield from other_cases(chip)


def compile_case(case: Case) -> Compiled:
    """Compile, disassemble and count."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    chip = CHIPS[case.chip]
    names = case.kernel.arg_names
    element = TYPES[case.dtype]
    signature = {}
    for name in names:
        if name in case.constants:
            signature[name] = "constexpr"
        elif name in case.descriptors:
            rows, columns = case.descriptors[name]
            signature[name] = f"tensordesc<{element}[{rows},1,{columns}]>"
        elif name in INTEGERS:
            signature[name] = "*i32"
        elif name.isupper():
            signature[name] = "*fp32" if name in FLOATS else f"*{element}"
        else:
            signature[name] = SCALARS.get(name, "i32")
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(names)
        if signature[name] != "constexpr" and name not in UNALIGNED and name not in case.descriptors
    }
    constants = {(names.index(name),): value for name, value in case.constants.items()}
    began = time.perf_counter()
    made = triton.compile(
        ASTSource(case.kernel, signature, constants, aligned),
        target=GPUTarget(chip.backend, chip.arch, chip.warp),
        options=case.options,
    )
    seconds = time.perf_counter() - began
    read = _read_nvidia if chip.backend == "cuda" else _read_amd
    return Compiled(shared=made.metadata.shared, seconds=seconds, **read(made.asm, chip))


def _read_nvidia(asm: dict[str, Any], chip: Chip) -> dict[str, Any]:
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
        "matrix": len(re.findall(rf"\b{chip.matrix}\b", code)),
        "narrowest": _narrowest(code, r"\.L_x_\d+", r"\b(?:LDG|LDGSTS)\.[A-Z0-9_.]+", _nvidia_width),
        "tma": len(re.findall(r"\bUTMALDG\b", code)),
    }


def _read_amd(asm: dict[str, Any], chip: Chip) -> dict[str, Any]:
    code = asm["amdgcn"]

    def number(name: str) -> int:
        found = re.search(rf"\.{name}:\s+(\d+)", code)
        return int(found.group(1)) if found else 0

    return {
        "registers": number("vgpr_count"),
        "spilled": 4 * (number("vgpr_spill_count") + number("sgpr_spill_count")),
        "matrix": len(re.findall(chip.matrix, code)),
        "narrowest": _narrowest(code, r"\.LBB\d+_\d+", r"\b(?:global|buffer)_load_\w+", _amd_width),
        "tma": 0,
    }


def _run(tool: Path, *arguments: str | Path) -> str:
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def _nvidia_width(load: str) -> int:
    parts = load.split(".")
    for part, width in (("128", 16), ("64", 8), ("U16", 2), ("S16", 2), ("U8", 1), ("S8", 1)):
        if part in parts:
            return width
    return 4


def _amd_width(load: str) -> int:
    for part, width in (("dwordx4", 16), ("dwordx3", 12), ("dwordx2", 8), ("dword", 4), ("byte", 1)):
        if part in load:
            return width
    return 2  # short and d16 loads


def _narrowest(code: str, label: str, load: str, width: Any) -> int | None:
    """Bytes of the narrowest global load inside any loop: between a label and a later jump back to it."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and one summary line."""
    parser = argparse.ArgumentParser("python -m ace_kernels.compile_report", description=__doc__)
    parser.add_argument(
        "widths",
        nargs="*",
        type=int,
        default=WIDTHS,
        metavar="WIDTH",
        help=f"of attention heads, 8 to 128; default {' '.join(map(str, WIDTHS))}",
    )
    widths = parser.parse_args(arguments).widths
    for width in widths:
        if not MIN_WIDTH <= width <= MAX_WIDTH:
            parser.error(f"WIDTH: wanted {MIN_WIDTH} to {MAX_WIDTH}, got {width}")
    problem = triton_problem()
    if problem is None and is_interpreted():
        problem = "TRITON_INTERPRET=1 is set, and an interpreted kernel cannot be compiled; unset it"
    if problem is not None:
        print(f"ace_kernels.compile_report cannot run: {problem}", file=sys.stderr)
        return 1
    print(
        f"{'chip':8}{'kernel':32}{'type':6}{'regs':>5}{'spill':>7}{'shared':>9}{'matrix':>8}{'load':>6}{'TMA':>5}  "
    )
    began = time.perf_counter()
    refused = count = 0
    for case in all_cases(widths):
        made = compile_case(case)
        problems = made.problems(case)
        refused += bool(problems)
        count += 1
        load = "-" if made.narrowest is None else f"{made.narrowest} B"
        print(
            f"{case.chip:8}{case.name:32}{TYPES[case.dtype]:6}{made.registers:>5}{made.spilled:>7}"
            f"{made.shared / 1024:>7.0f} K{made.matrix:>8}{load:>6}{made.tma:>5}  {'; '.join(problems)}",
            flush=True,
        )
    print(
        f"{count} kernels compiled for {', '.join(CHIPS)} in {time.perf_counter() - began:.0f} s: "
        + (f"{refused} refused" if refused else "no spill, no missing matrix instruction, no scalar load")
    )
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
