"""One step of Muon by the processes that `torch.distributed.run` started; the first prints the new weights as JSON."""

import json

import torch
from torch import nn

from ace_agent.training.optimizers import Muon
from ace_agent.training.processes import Processes


def stepped(processes: Processes) -> list[float]:
    """Weights after a step of five matrices, which two processes cannot share evenly."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(8, 12)) for _ in range(5)]
    for weight in weights:
        weight.grad = torch.randn(8, 12)
    Muon(weights, lr=0.1, weight_decay=0.1, momentum=0.9, processes=processes).step()
    return torch.stack([weight.detach() for weight in weights]).flatten().tolist()


if __name__ == "__main__":
    processes = Processes.launched("cpu")
    assert processes.count == 2
    own = stepped(processes)
    if processes.is_first:
        print(json.dumps(own))
