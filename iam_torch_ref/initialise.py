"""Fresh weights.

Kernels are orthogonal, with gain sqrt 2 before an activation (Saxe et al. 2014), or Glorot-uniform
(Glorot and Bengio 2010, Equation 16); every gate of a cell is a matrix of its own. The policy's kernel is
small, so that all actions begin equally likely. Biases are zero.
"""

import math

import torch
from torch import Tensor, nn

from iam_torch_ref.maps import Attention, Convolutions
from iam_torch_ref.model import GRU, LSTM, MLP, ActorCritic, Dynamic
from iam_torch_ref.recurrences import Recurrence


@torch.no_grad()
def initialise(model: ActorCritic) -> None:
    """Draws all weights anew from torch's generator."""
    orthogonal = model.config.init == "orthogonal"

    def kernel(weight: Tensor, gain: float = 1.0) -> None:
        if orthogonal:
            nn.init.orthogonal_(weight, gain)
        else:
            nn.init.xavier_uniform_(weight)

    for name, parameter in model.named_parameters():
        if name.endswith(("bias", "log_std")):
            parameter.zero_()
        elif parameter.dim() in (2, 4):
            kernel(parameter)
    for module in model.modules():
        if isinstance(module, MLP | Convolutions):
            for layer in module:
                kernel(layer.weight, math.sqrt(2))
        elif isinstance(module, GRU | LSTM):
            gates = 3 if isinstance(module, GRU) else 4
            for linear in (module.input, module.recurrent):
                for gate in linear.weight.chunk(gates):
                    kernel(gate)
        elif isinstance(module, Dynamic | Attention):
            nn.init.normal_(module.score, std=module.score.shape[1] ** -0.5)
    for module in model.modules():
        if isinstance(module, Recurrence):
            module.draw()
    policy = model.heads.policy.weight
    if orthogonal:
        nn.init.orthogonal_(policy, 0.01)
    else:
        nn.init.trunc_normal_(policy, std=math.sqrt(0.01 / policy.shape[1]))
