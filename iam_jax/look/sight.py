"""What a page shows of observations: numbers by name, pictures, and which of them the memory reads."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from envs_jax import spaces
from iam_jax.agent import Agent
from iam_jax.attention import hats
from iam_jax.model_config import IAMConfig, OwnConfig, RNNConfig
from iam_jax.models.encoders import CONVOLUTIONS, map_size
from iam_jax.play import picture_of

MOST_NUMBERS = 256
"""Of an observation; others are left out, and the page says so."""


class Sight:
    """How the observations of an agent are shown.

    Attributes:
      names: Of the numbers that are shown, O.
      places: Of each of them its place in the vector that the network makes of an observation, int[O]; -1
        where it has none.
      left_out: How many more numbers there are.
      on_map: Whether the memory reads the feature map of an image, rather than entries of a vector.
    """

    def __init__(self, agent: Agent):
        self._env, self._agent = agent.env, agent
        leaves = list(spaces.leaves(agent.env.observation_space(agent.actor.env_params)))
        self._images = [i for i, (_, space) in enumerate(leaves) if len(space.shape) == 3]
        self._vectors = [(i, space) for i, (_, space) in enumerate(leaves) if i not in self._images]
        self.on_map = agent.actor.model.config.encoder in CONVOLUTIONS
        parts, own = agent.actor.model.parts, "encoder" in agent.config.model.own
        begins = np.cumsum([0, *(sum(part.sizes) for part in parts)])
        names: list[str] = []
        places: list[int] = []
        for i, space in self._vectors:
            found = _names(leaves[i][0], space)
            names += found
            places += [-1] * len(found) if own else range(begins[i], begins[i] + len(found))
        self.names, self.places = names[:MOST_NUMBERS], np.array(places[:MOST_NUMBERS], int)
        self.left_out = len(names) - len(self.names)

    def numbers(self, obs: Any) -> jax.Array:
        """Those that are shown, float[B, O], of observations [B, ...]; discrete ones one-hot."""
        leaves = jax.tree.leaves(obs)
        batch = len(leaves[0])
        found = [jax.vmap(space.encode)(leaves[i]).reshape(batch, -1) for i, space in self._vectors]
        return jnp.concatenate([jnp.zeros((batch, 0)), *found], axis=-1)[:, :MOST_NUMBERS]

    def picture(self, obs: Any) -> Image.Image | None:
        """The image in the first of B observations."""
        if not self._images:
            return None
        return picture_of(jax.tree.leaves(obs)[self._images[0]][0], self._env.num_frames)

    def reading(self) -> dict[str, Any]:
        """What the memory reads.

        "text" says it in a sentence. "chosen", bool[O], are the numbers of a manual d-set; "weights", [O],
        those of a static one from 0 to 1. Of a feature map "map" has "rows" and "columns", and "down"
        [pixels, rows] and "across" [pixels, columns] spread weights of regions over the picture; "regions"
        are those of a manual d-set. "attends" says that weights come with every step.
        """
        model, network = self._agent.actor.model, self._agent.actor.model.config
        if not jax.tree.leaves(model.initial_carry(1)):
            return {"text": "This network has no memory: it acts on what it sees now."}
        if isinstance(network, OwnConfig) or (isinstance(network, IAMConfig) and "d_set" in network.own):
            return {"text": "The memory reads what a class of its author's own selects."}
        if isinstance(network, RNNConfig):
            return {"text": "The memory reads everything, by way of the layers before it."}
        if "encoder" in network.own:
            return {"text": "The memory reads entries of what an encoder of its author's own makes of this."}
        return self._on_map(network) if self.on_map else self._of_vector(network)

    def _of_vector(self, network: Any) -> dict[str, Any]:
        if network.d_set == "manual":
            chosen = np.isin(self.places, network.d_set_indices)
            count = len(network.d_set_indices)
            framed = (
                "which are framed" if chosen.sum() == count else f"and {chosen.sum()} are here and framed"
            )
            return {"text": f"Manual d-set: the memory reads {count} entries, {framed}.", "chosen": chosen}
        if network.d_set == "static":
            (layer,) = self._agent.params["params"]["memory"]["selector"].values()
            size = np.linalg.norm(np.asarray(layer["kernel"], float), axis=1)
            return {
                "text": "Static d-set: the memory reads learned sums. The bar below an entry is its weight "
                "in them, compared with the largest.",
                "weights": np.where(self.places < 0, 0, size[self.places]) / max(size.max(), 1e-12),
            }
        if network.d_set == "dynamic":
            return {
                "text": "Dynamic d-set: the memory reads what its attention looks at in this step. The bar "
                "below an entry is its share of the attention.",
                "attends": True,
            }
        return {"text": "The memory reads everything."}

    def _on_map(self, network: Any) -> dict[str, Any]:
        shape = self._agent.actor.model.parts[0].space.shape
        rows, columns = map_size(network.encoder, shape)
        spread = {
            "rows": rows,
            "columns": columns,
            "down": hats(rows, network.encoder, np.arange(shape[0]) + 0.5),
            "across": hats(columns, network.encoder, np.arange(shape[1]) + 0.5),
        }
        if network.d_set == "dynamic":
            text = (
                "Dynamic d-set: the memory reads what its attention looks at in this step, the bright places."
            )
            return {"text": text, "attends": True, "map": spread}
        if network.d_set == "manual":
            chosen = np.zeros((rows, columns))
            for row, column, height, width in network.d_set_boxes:
                chosen[row : row + height, column : column + width] = 1
            text = "Manual d-set: the memory reads the bright places of the feature map."
            return {"text": text, "map": spread | {"regions": chosen.reshape(-1)}}
        if network.d_set == "static":
            return {"text": "Static d-set: the memory reads learned sums of every region's features."}
        return {"text": "The memory reads the whole feature map."}


def _names(name: str, space: Any) -> list[str]:
    """Of the numbers that stand for a value of a space with one array."""
    found = []
    for entry, size in enumerate(space.encoded_sizes):
        label = f"{name}[{entry}]" if name and len(space.encoded_sizes) > 1 else name or str(entry)
        found += [label] if size == 1 else [f"{label} is {value}" for value in range(size)]
    return found
