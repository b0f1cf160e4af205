"""d-set selectors by name, or by the place of a class of one's own."""

from iam_jax.model_config import IAMConfig
from iam_jax.models import d_set, d_set_maps, own
from iam_jax.models.encoders import CONVOLUTIONS
from iam_jax.models.kernels import KERNELS, product_dtype


def make_selector(config: IAMConfig) -> d_set.Selector:
    """What a memory reads, of features whose encoder and places are known (`make.make_model`).

    Raises:
      ValueError: A class of one's own cannot be found or made, or is no selector.
    """
    if "d_set" in config.own:
        selector: d_set.Selector = own.make("d_set", config.d_set, d_set.Selector)
        return selector
    kernel, on_map = KERNELS[config.init][1], config.encoder in CONVOLUTIONS
    if config.d_set == "manual":
        if on_map:
            return d_set_maps.Boxes(config.d_set_boxes or ())
        return d_set.Manual(config.d_set_indices or ())  # type: ignore[arg-type]  # made places by make_model
    if config.d_set == "static":
        static = d_set_maps.StaticMap if on_map else d_set.Static
        return static(config.d_set_size, kernel, product_dtype(config))
    if config.d_set == "dynamic":
        attention = d_set_maps.Attention if on_map else d_set.Dynamic
        return attention(config.heads, config.attention_units, kernel, product_dtype(config))
    return d_set_maps.FlatMap() if on_map else d_set.Identity()
