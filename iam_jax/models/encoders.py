"""Encoders: from observations to what the feedforward path and the memory read."""

import math
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from envs_jax.spaces import as_float
from iam_jax.model_config import NetworkConfig
from iam_jax.models.dense import Dense, product

CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "atari": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),  # Mnih et al. 2015; 84x84 becomes 7x7x64
    "board": ((16, 3, 1),),  # Young and Tian 2019, for MinAtar; 10x10 becomes 8x8x16
}
"""Encoder -> (features, kernel, stride) of its layers, valid padding."""


def choose_encoder(config: NetworkConfig, shape: tuple[int, ...]) -> str:
    """The encoder for observations of a shape: the config's, or the one that fits.

    Raises:
      ValueError: The config's needs images, or larger ones.
    """
    is_image = len(shape) == 3
    name = config.encoder
    if name == "auto":
        name = "vector" if not is_image else "atari" if min(shape[:2]) >= 36 else "board"
    if name != "vector" and (not is_image or min(map_size(name, shape)) < 1):
        raise ValueError(
            f"The {name} encoder cannot read observations of shape {shape}: choose --encoder auto."
        )
    return name


def map_size(encoder: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the feature map of images of a shape."""
    rows, columns = shape[:2]
    for _, kernel, stride in CONVOLUTIONS[encoder]:
        rows, columns = (rows - kernel) // stride + 1, (columns - kernel) // stride + 1
    return rows, columns


def receptive_field(encoder: str) -> tuple[int, int]:
    """Pixels along the square that one region of the feature map sees, and from one region to the next."""
    size, stride = 1, 1
    for _, kernel, step in CONVOLUTIONS[encoder]:
        size, stride = size + (kernel - 1) * stride, stride * step
    return size, stride


def as_vector(obs: jax.Array) -> jax.Array:
    """Observations [T, B, ...] as float vectors [T, B, O]."""
    return as_float(obs).reshape(*obs.shape[:2], math.prod(obs.shape[2:]))


class MLP(nn.Module):
    """Dense layers, each followed by the activation. No layers: the input itself."""

    sizes: tuple[int, ...]
    activation: Callable[[jax.Array], jax.Array]
    kernel_init: Initializer
    use_bias: bool = True
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for size in self.sizes:
            layer = Dense(size, self.use_bias, kernel_init=self.kernel_init, dtype=self.dtype)
            x = self.activation(layer(x))
        return x


class Convolution(nn.Module):
    """A convolution without padding: images [..., Y, X, C] to [..., y, x, F].

    XLA's gradients of convolutions are 2 to 20 times slower on a CPU than those of the same sum written
    as a product of matrices, so that is what a CPU computes.
    """

    features: int
    kernel: int
    stride: int
    kernel_init: Initializer
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        images = x.reshape(-1, *x.shape[-3:])
        y = jax.lax.platform_dependent(
            images,
            kernel,
            cpu=partial(as_product, self.stride, dtype=self.dtype),
            default=partial(as_convolution, self.stride, dtype=self.dtype),
        )
        return y.reshape(*x.shape[:-3], *y.shape[1:]) + bias


def as_convolution(
    stride: int, images: jax.Array, kernel: jax.Array, dtype: Dtype | None = None
) -> jax.Array:
    """Images [N, Y, X, C] convolved with a kernel [k, k, C, F], without padding: [N, y, x, F].

    With a ``dtype``, factors and result are rounded to it.
    """
    layout, wide = ("NHWC", "HWIO", "NHWC"), jnp.promote_types(images.dtype, kernel.dtype)
    images, kernel = images.astype(dtype or wide), kernel.astype(dtype or wide)
    y = jax.lax.conv_general_dilated(images, kernel, (stride, stride), "VALID", dimension_numbers=layout)
    return y.astype(wide)


def as_product(stride: int, images: jax.Array, kernel: jax.Array, dtype: Dtype | None = None) -> jax.Array:
    """The same as one product of matrices: every patch of the images times the kernel."""
    if len(kernel) % stride == 0:
        # Squares of stride x stride pixels become channels: a few wide slices in place of many narrow ones.
        rows, columns = (length // stride * stride for length in images.shape[1:3])
        images = _squares(images[:, :rows, :columns], stride)
        kernel = jnp.moveaxis(_squares(jnp.moveaxis(kernel, -1, 0), stride), 0, -1)
        stride = 1
    size = len(kernel)
    rows, columns = ((length - size) // stride + 1 for length in images.shape[1:3])
    last_row, last_column = stride * (rows - 1) + 1, stride * (columns - 1) + 1
    patches = jnp.concatenate(
        [
            images[:, i : i + last_row : stride, j : j + last_column : stride]
            for i in range(size)
            for j in range(size)
        ],
        axis=-1,
    )
    sums = product(patches.reshape(-1, patches.shape[-1]), kernel.reshape(-1, kernel.shape[-1]), dtype)
    return sums.reshape(*patches.shape[:-1], -1)


def _squares(images: jax.Array, side: int) -> jax.Array:
    """Every square of pixels as one pixel: [N, Y, X, C] to [N, Y / side, X / side, side * side * C]."""
    number, rows, columns, channels = images.shape
    parts = images.reshape(number, rows // side, side, columns // side, side, channels)
    return parts.swapaxes(2, 3).reshape(number, rows // side, columns // side, side * side * channels)


class Convolutions(nn.Module):
    """Convolutional layers with ReLU: images [T, B, Y, X, C] to a feature map [T, B, y, x, F]."""

    layers: tuple[tuple[int, int, int], ...]
    kernel_init: Initializer
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, obs: jax.Array) -> jax.Array:
        x = as_float(obs)
        for i, layer in enumerate(self.layers):
            x = nn.relu(Convolution(*layer, self.kernel_init, self.dtype, name=f"Conv_{i}")(x))
        return x
