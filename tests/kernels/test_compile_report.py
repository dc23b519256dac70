"""What the compiler makes of the kernels, without a GPU; a bad kernel must be refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch

from ace_kernels import compile_report
from ace_kernels.ops.range_attention.triton import FORWARD, options, tile_for


def forward(chip: str) -> compile_report.Case:
    return next(compile_report.attention_cases(chip))


def test_the_forward_kernel_of_sm_90_has_matrix_instructions_tma_and_no_spill():
    case = forward("sm_90")
    made = compile_report.compile_case(case)
    assert made.problems(case) == []
    assert made.matrix > 0 and made.tma > 0 and made.spilled == 0


def test_a_head_padded_to_128_is_refused():
    """One block of 128 columns for a head of 72, at the tile that the split kernel manages, spills."""
    case = forward("sm_80")
    tile = dataclasses.replace(tile_for(FORWARD, "sm_80", 72, torch.bfloat16), warps=4)
    padded = dataclasses.replace(case, constants=case.constants | {"D0": 128, "D1": 0}, options=options(tile))
    assert "spills" in "; ".join(compile_report.compile_case(padded).problems(padded))


def test_a_kernel_without_matrix_instructions_or_with_scalar_loads_is_refused():
    case = forward("sm_80")
    good = compile_report.Compiled(
        registers=1, spilled=0, shared=0, matrix=1, narrowest=4, tma=0, seconds=0.0
    )
    assert good.problems(case) == []
    for change, word in (
        ({"matrix": 0}, "no HMMA"),
        ({"narrowest": 2}, "loads 2 bytes"),
        ({"shared": 200 << 10}, "shared memory"),
        ({"spilled": 4}, "spills 4 bytes"),
    ):
        assert word in "; ".join(dataclasses.replace(good, **change).problems(case))
    assert "no TMA" in forward_problems("sm_90", good)


def forward_problems(chip: str, made: compile_report.Compiled) -> str:
    return "; ".join(made.problems(forward(chip)))


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
    loads = (r"\b(?:LDG|LDGSTS)\.[A-Z0-9_.]+|\bLDG\b", compile_report._nvidia_width)
    assert compile_report._narrowest(code, r"\.L_x_\d+", *loads) == 4
    assert compile_report._narrowest("LDG.E.U16 R0, [R2] ;", r"\.L_x_\d+", *loads) is None
    assert compile_report._amd_width("global_load_dwordx4") == 16
    assert compile_report._amd_width("buffer_load_ushort") == 2


def test_the_report_explains_why_it_cannot_run(monkeypatch, capsys):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert compile_report.main([]) == 1
    assert "unset it" in capsys.readouterr().err


def test_widths_outside_the_supported_range_are_refused(capsys):
    with pytest.raises(SystemExit):
        compile_report.main(["72", "200"])
    assert "WIDTH: wanted 8 to 128, got 200" in capsys.readouterr().err


# One head width for every split into powers of two, and for every tile.
SPLITS = ["16", "20", "24", "32", "48", "56", "64", "72", "88", "96", "112", "128"]


@pytest.mark.slow
def test_every_kernel_passes_on_every_chip():
    done = subprocess.run(
        [sys.executable, "-m", "ace_kernels.compile_report", *SPLITS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "no spill, no missing matrix instruction, no scalar load" in done.stdout
