"""The architecture as a Mermaid diagram: ``python -m iam_torch_ref.parity.diagram``.

Every number is the shape of a parameter in a model that was built, or follows from one.
"""

import argparse

from torch import nn

from iam_torch_ref.bridge import model_config, run_config
from iam_torch_ref.cli import exit_on_error
from iam_torch_ref.config import ModelConfig
from iam_torch_ref.model import MLP, ActorCritic


def diagram(model: ActorCritic) -> str:
    """Boxes for the layers of an iam, arrows for what flows between them."""
    config, cell, selector = model.config, model.memory.cell, model.memory.selector
    (num_variables,) = model.encoder.outputs
    features = model.heads.policy if not model.heads.joint else model.heads.joint[0]
    lines = [
        "flowchart LR",
        f'  o(["observation o_t: {num_variables}"])',
        f'  D["d-set, {config.d_set}: {num_variables} to {selector.outputs}"]',
        f'  cell["{config.cell}: {cell.input.in_features} to {cell.recurrent.in_features}"]',
        f'  cat(["x_t beside d_t: {model.fc.outputs} + {config.hidden} = {features.in_features}"])',
        f'  policy["policy: {_shape(model.heads.policy)}"]',
        f'  value["value: {_shape(model.heads.value)}"]',
        "  o --> D --> cell -->|d_t| cat",
        "  cell -->|d_t-1, cleared at first_t| cell",
    ]
    lines += _layers("fc", model.fc, "o", "cat", config.activation)
    lines += _layers("joint", model.heads.joint, "cat", "policy & value", config.activation)
    if config.d_set == "dynamic":
        lines.append("  cell -->|d_t-1 asks| D")
    total = sum(p.numel() for p in model.parameters())
    return "\n".join([*lines, f'  total(["{total:,} parameters"])'])


def _layers(name: str, mlp: MLP, source: str, target: str, activation: str) -> list[str]:
    boxes = [f'  {name}{i}["{name}.{i}, {activation}: {_shape(layer)}"]' for i, layer in enumerate(mlp)]
    chain = " --> ".join([source, *(f"{name}{i}" for i in range(len(mlp))), target])
    return [*boxes, f"  {chain}"]


def _shape(layer: nn.Linear) -> str:
    return f"{layer.in_features} to {layer.out_features}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m iam_torch_ref.parity.diagram", description=__doc__)
    parser.add_argument("--env", default="warehouse")
    parser.add_argument("--preset", default="fast")
    options = parser.parse_args()
    exit_on_error(lambda: print(diagram(ActorCritic(_model_config(options)))))


def _model_config(options: argparse.Namespace) -> ModelConfig:
    return model_config(run_config(options.env, options.preset, "iam"))


if __name__ == "__main__":
    main()
