"""Influence-aware memory and recurrent PPO in plain PyTorch, to be read and to check `iam_jax` against.

Read `model`, `gae`, `loss`, `update`, in this order: with `config` they are all of it, and import torch
alone. `convert`, `train`, `evaluate` and `parity` are command lines; what they need of the JAX packages
(environments, checkpoints, the other side) they reach through `bridge` and `parity`.
"""

import sys

try:
    import safetensors  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    sentence = f"iam_torch_ref needs {error.name}: pip install -e '.[parity]'"
    if sys.argv[0] != "-m":
        raise ImportError(sentence) from error
    print(f"error: {sentence}", file=sys.stderr)  # a command line, about to be imported
    sys.exit(2)
