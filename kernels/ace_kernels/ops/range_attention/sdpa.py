"""Range attention by torch's `scaled_dot_product_attention`, for GPUs that the Triton kernels do not support.

One call per group of segments of one shape, as on a CPU. Where torch has no fused attention for the device, its plain
one materialises the scores, so query rows are split until the scores of one call stay within `SCORE_BYTES`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ace_kernels.ops.range_attention.groups import Rows, groups_of
from ace_kernels.triton_support import device_problem

# Bytes that the scores of one call may take in float32.
SCORE_BYTES = 2**28


def attention_workspace(device: torch.device | str) -> int:
    """Bytes that `range_attention` needs on a device above its operands and result, at most.

    Nothing where fused kernels run. Otherwise the scores, their softmax and a copy in another dtype.
    """
    device = torch.device(device)
    if device.type == "cpu" or (device.type == "cuda" and not torch.cuda.is_available()):
        return 0
    return 0 if device.type == "cuda" and device_problem(device) is None else 3 * SCORE_BYTES


@torch.compiler.disable
def range_attention(q: Tensor, k: Tensor, v: Tensor, scale: float, layout: Tensor) -> Tensor:
    """See `ace_kernels.range_attention`; autograd differentiates the calls."""
    results: list[tuple[Rows, Tensor]] = []
    for group in groups_of(layout):
        if not group.keys:
            continue
        keys, values = (torch.cat([_take(x, rows) for rows in group.keys], 2) for x in (k, v))
        queries = _take(q, group.queries)
        count, heads, length, _ = queries.shape
        most = max(1, SCORE_BYTES // (4 * count * heads * keys.shape[2]))
        parts = [
            F.scaled_dot_product_attention(part, keys, values, scale=scale) for part in queries.split(most, 2)
        ]
        results.append((group.queries, parts[0] if length <= most else torch.cat(parts, 2)))
    out = torch.zeros_like(q, memory_format=torch.contiguous_format)
    for rows, result in results:
        rows.view(out).copy_(result)
    return out


def _take(x: Tensor, rows: Rows) -> Tensor:
    """`[N, H, D]` -> `[count, H, length, D]`, a view whose gradient adds coinciding runs in a fixed order."""
    if rows.count == 1 or rows.step == 0:
        run = x[rows.start : rows.start + rows.length].transpose(0, 1)
        return run.expand(rows.count, *run.shape)
    return rows.view(x)
