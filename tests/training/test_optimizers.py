import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from ace_agent.engines.mini.conv_unet import Film, ModulatedBlock
from ace_agent.training.optimizers import Muon, Optimizers, orthogonalize
from ace_agent.training.processes import Processes
from tests.training.shared_muon import stepped


def test_orthogonalized_matrices_have_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((3, 64, 64), (2, 64, 256), (2, 256, 64)):
        values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
        assert values.quantile(0.05) > 0.5 and values.max() < 1.3  # the very smallest take more steps


def test_stacked_matrices_are_orthogonalised_like_single_ones():
    torch.manual_seed(0)
    matrices = torch.randn(3, 64, 96)
    together = orthogonalize(matrices)
    for one, own in zip(matrices, together, strict=True):
        assert torch.allclose(orthogonalize(one[None])[0], own, atol=1e-5)


def test_muon_fits_a_linear_map():
    torch.manual_seed(0)
    wanted = torch.randn(64, 64) / 8
    weight = nn.Parameter(torch.zeros(64, 64))
    muon = Muon([weight], lr=0.02, weight_decay=0.0, momentum=0.95)
    x = torch.randn(256, 64)
    losses = []
    for _ in range(150):
        loss = (x @ (weight - wanted)).square().mean()
        muon.zero_grad()
        loss.backward()
        muon.step()
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_muon_trains_kernels_as_matrices_and_leaves_modulation_to_adamw():
    torch.manual_seed(0)
    model = nn.ModuleDict({"blocks": nn.ModuleList([ModulatedBlock(48, 64, 64)])})
    optimizers = Optimizers({"model": model}, muon_rate=1e-2, adam_rate=1e-3, decay=0.0)
    (kernel, other) = optimizers.all[0].param_groups[0]["params"]
    block = model["blocks"][0]
    assert kernel is block.conv1.weight and other is block.conv2.weight
    film = Film(torch.randn(2, 64), torch.tensor([1, 2]))
    before = kernel.detach().clone()
    for _ in range(2):  # the second convolution starts at zero, and hides the first from the first step
        optimizers.zero_grad()
        block(torch.randn(2, 48, 8, 8), film).square().sum().backward()
        optimizers.step()
    moved = torch.linalg.svdvals((kernel - before).detach().flatten(1)) / (1e-2 * 0.2 * (48 * 9) ** 0.5)
    assert moved.median() > 0.5 and moved.max() < 1.4


def test_exactly_one_optimiser_steps_each_parameter():
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(64, 64), nn.Linear(64, 6)])
            self.words = nn.Embedding(100, 64)

    model = Model()
    both = Optimizers({"model": model}, muon_rate=1e-3, adam_rate=1e-3, decay=0.0)
    owned = [p for optimizer in both.all for group in optimizer.param_groups for p in group["params"]]
    assert sorted(map(id, owned)) == sorted(map(id, model.parameters()))
    assert [id(p) for p in both.all[0].param_groups[0]["params"]] == [id(model.blocks[0].weight)]
    both.scale_rate(0.5)
    assert {group["lr"] for optimizer in both.all for group in optimizer.param_groups} == {5e-4}


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("pieces", [1, 2, 5, 8])
def test_the_shares_of_all_processes_cover_the_work(count, pieces):
    done = []
    for rank in range(count):
        one = Processes()
        one.rank, one.count = rank, count
        own = one.share(pieces)
        assert len(own) == -(-pieces // count)
        done += own
    assert set(done) == set(range(pieces))


def test_two_processes_take_the_same_step_of_muon_as_one():
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    ran = subprocess.run(
        [*launch, "-m", "tests.training.shared_muon"], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    got = json.loads(ran.stdout.strip().splitlines()[-1])
    assert got == pytest.approx(stepped(Processes()), abs=1e-6)
