"""What the compiler makes of the kernels, without a GPU; a bad kernel must be refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch

from ace_kernels.compile_report import __main__ as report
from ace_kernels.compile_report.disassembly import (
    Compiled,
    amd_width,
    compile_launch,
    narrowest_load,
    nvidia_width,
    read_amd,
    read_nvidia,
)
from ace_kernels.compile_report.launches import Launch, attention_launches, fused_launches
from ace_kernels.compile_report.targets import TARGETS
from ace_kernels.ops.range_attention import tiles

GOOD = Compiled(registers=1, spilled=0, shared=0, matrix=1, narrowest=4, tma=1, stores=1, traps=0)


def forward(chip: str, width: int = 72, **options: bool) -> Launch:
    return attention_launches(chip, width, torch.float16, backward=False, **options)[0]


def test_the_forward_kernel_of_sm_90_uses_matrix_instructions_and_tma():
    launch = forward("sm_90")
    made = compile_launch(launch, "sm_90")
    assert made.problems(launch, TARGETS["sm_90"]) == []
    assert made.matrix > 0 and made.tma > 0 and made.stores > 0


def test_a_large_tile_that_spills_is_refused(monkeypatch):
    monkeypatch.setitem(tiles.DEFAULTS["sm_80"], tiles.FORWARD, ((128, tiles.Tile(128, 128, 4, 2)),))
    launch = forward("sm_80")
    assert "spills" in "; ".join(compile_launch(launch, "sm_80").problems(launch, TARGETS["sm_80"]))


@pytest.mark.parametrize("chip", ["gfx90a", "gfx950"])
def test_half_formats_compile_for_amd(chip):
    """Products were asked for in tf32, which AMD's compiler has on gfx942 only."""
    launch = forward(chip)
    assert compile_launch(launch, chip).problems(launch, TARGETS[chip]) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"traps": 1}, "traps"),
        ({"stores": 0}, "stores nothing"),
        ({"spilled": 4}, "spills 4 bytes"),
        ({"shared": 300 << 10}, "shared memory"),
        ({"matrix": 0}, "no HGMMA"),
        ({"narrowest": 2}, "loads 2 bytes"),
        ({"tma": 0}, "no TMA"),
    ],
)
def test_a_bad_kernel_is_refused(change, problem):
    launch, target = forward("sm_90"), TARGETS["sm_90"]
    assert GOOD.problems(launch, target) == []
    assert problem in "; ".join(dataclasses.replace(GOOD, **change).problems(launch, target))


def test_unaligned_rows_may_be_loaded_two_bytes_at_a_time():
    launch = forward("sm_90", 20, aligned=False)
    assert not launch.descriptors
    assert dataclasses.replace(GOOD, narrowest=2).problems(launch, TARGETS["sm_90"]) == []


def test_a_trap_and_missing_stores_are_seen_in_the_code(monkeypatch):
    """With triton 3.5 to 3.7 a warp-specialised kernel for Blackwell became a trap without a store, and passed."""
    ptx = "setmaxnreg.inc.sync.aligned.u32 192;\n\ttrap;\n"
    usage = "REG:64 STACK:0 SHARED:0 LOCAL:0"
    code = "UTCHMMA gdesc ;\n USETMAXREG ;\n BPT.TRAP 0x1 ;"
    monkeypatch.setattr(
        "ace_kernels.compile_report.disassembly._run",
        lambda tool, *_: usage if "cuobjdump" in tool.name else code,
    )
    figures = read_nvidia({"ptx": ptx, "cubin": b""}, TARGETS["sm_100"])
    assert (figures["traps"], figures["stores"]) == (1, 0)
    figures = read_amd({"amdgcn": "s_trap 2\n buffer_store_dwordx2 v[0:1]"}, TARGETS["gfx942"])
    assert (figures["traps"], figures["stores"]) == (1, 1)


def test_the_launches_are_those_of_the_operations():
    """The report compiled signatures that nothing launches: 32-bit indices, bfloat16 weights, never float16."""
    launches = fused_launches("sm_90", 1152, 16, torch.float16)
    types = {}
    for launch in launches:
        types.setdefault(launch.name, launch.signature("cuda")[0])
    assert types["gate_residual_fwd"]["INDEX"] == "*i64"
    assert types["rms_norm_rope_fwd"] | {"X": "*fp16", "WEIGHT": "*fp32"} == types["rms_norm_rope_fwd"]
    assert set(types) == {
        "layer_norm_modulate_fwd", "layer_norm_modulate_bwd", "sum_by_sample", "gate_residual_fwd",
        "rms_norm_rope_fwd", "rms_norm_rope_bwd",
    }  # fmt: skip
    _, _, aligned = forward("sm_80").signature("cuda")
    _, _, unaligned = forward("sm_80", 20, aligned=False).signature("cuda")
    assert (0,) in aligned and (0,) not in unaligned


def test_only_loads_inside_loops_count():
    code = """
        LDG.E.U16 R0, [R2] ;
    .L_x_1:
        LDGSTS.E.BYPASS.128 [R4], [R2.64] ;
        LDG.E R7, [R2.64] ;
        @P0 BRA `(.L_x_1) ;
        LDG.E.U8 R0, [R2] ;
        BRA `(.L_x_2) ;
    .L_x_2:
    """
    loads = (r"\b(?:LDG|LDGSTS)\.[A-Z0-9_.]+|\bLDG\b", nvidia_width)
    assert narrowest_load(code, r"\.L_x_\d+", *loads) == 4
    assert narrowest_load("LDG.E.U16 R0, [R2] ;", r"\.L_x_\d+", *loads) is None
    assert amd_width("global_load_dwordx4") == 16
    assert amd_width("buffer_load_ushort") == 2


def test_the_report_explains_why_it_cannot_run(monkeypatch, capsys):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert report.main([]) == 1
    assert "unset it" in capsys.readouterr().err


def test_widths_outside_the_supported_range_are_refused(capsys):
    with pytest.raises(SystemExit):
        report.main(["72", "200"])
    assert "WIDTH: wanted 8 to 128, got 200" in capsys.readouterr().err


# One head width for every split into powers of two, and for every tile.
SPLITS = ["16", "20", "24", "32", "48", "56", "64", "72", "88", "96", "112", "128"]


@pytest.mark.gate
def test_every_kernel_passes_on_every_chip():
    done = subprocess.run(
        [sys.executable, "-m", "ace_kernels.compile_report", *SPLITS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "none refused" in done.stdout
