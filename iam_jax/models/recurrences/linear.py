"""Linear recurrences with a complex diagonal, each in a block with a norm and a gate.

x' = A x + B u,  y = Re(C x) + D u,  A diagonal
LRU  A = exp(-exp(nu) + i exp(theta)),  B = gamma * B',  gamma = sqrt(1 - |A|^2)
|A| begins on the ring [0.9, 0.999]         (Orvieto et al. 2023, arXiv 2303.06349)
S5   A = exp(Lambda Delta),  B = (A - 1) / Lambda * B'   (zero-order hold)
Lambda begins as the eigenvalues of HiPPO-N         (Smith et al. 2023, arXiv 2208.04933)

block  s = W_in u;  v = gelu(recurrence(norm(s)));  output = s + (W_1 v) * sigmoid(W_2 v)
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.dense import Dense
from iam_jax.models.recurrences.base import Associative

RING = (0.9, 0.999)
"""Within which the absolute values of the LRU's factors begin."""
STEPS = (0.001, 0.1)
"""Within which S5's time steps begin."""


class Diagonal(Associative):
    """What LRU and S5 share: the block, B, C and D."""

    size: int
    kernel_init: Initializer
    dtype: Dtype | None = None
    is_complex = True

    def setup(self) -> None:
        layer = lambda: Dense(self.size, kernel_init=self.kernel_init, dtype=self.dtype)  # noqa: E731
        self.input, self.gated, self.gate = layer(), layer(), layer()
        self.norm = nn.LayerNorm()
        narrow = nn.initializers.normal((2 * self.size) ** -0.5)
        shape = (self.size, self.size)
        self.b_re, self.b_im = self.param("b_re", narrow, shape), self.param("b_im", narrow, shape)
        self.c_re, self.c_im = self.param("c_re", narrow, shape), self.param("c_im", narrow, shape)
        self.d = self.param("d", nn.initializers.normal(1.0), (self.size,))
        self.make_diagonal()

    def make_diagonal(self) -> None:
        """The parameters of A."""
        raise NotImplementedError

    def diagonal(self) -> tuple[jax.Array, jax.Array]:
        """A, and what multiplies B', complex[N] each."""
        raise NotImplementedError

    @property
    def state_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def project(self, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """S and norm(s)."""
        s = self.input(inputs)
        return s, self.norm(s)

    def elements(self, inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        factors, scale = self.diagonal()
        _, u = inputs
        return factors, scale * jax.lax.complex(u @ self.b_re, u @ self.b_im)

    def read(self, states: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
        s, u = inputs
        y = states.real @ self.c_re - states.imag @ self.c_im + self.d * u
        v = nn.gelu(y)
        return s + self.gated(v) * nn.sigmoid(self.gate(v))


class LRU(Diagonal):
    """Linear recurrent unit."""

    def make_diagonal(self) -> None:
        self.nu = self.param("nu", _ring, (self.size,))
        self.theta = self.param("theta", _phases, (self.size,))

    def diagonal(self) -> tuple[jax.Array, jax.Array]:
        factors = jnp.exp(jax.lax.complex(-jnp.exp(self.nu), jnp.exp(self.theta)))
        # 1 - |A|^2 without cancellation: |A|^2 = exp(-2 exp(nu)).
        gamma = jnp.sqrt(-jnp.expm1(-2 * jnp.exp(self.nu)))
        return factors, gamma.astype(factors.dtype)


class S5(Diagonal):
    """Simplified state space layer."""

    def make_diagonal(self) -> None:
        real, imag = hippo(self.size)
        self.lambda_re = self.param("lambda_re", lambda key, shape: jnp.asarray(real), (self.size,))
        self.lambda_im = self.param("lambda_im", lambda key, shape: jnp.asarray(imag), (self.size,))
        self.log_step = self.param("log_step", _log_steps, (self.size,))

    def diagonal(self) -> tuple[jax.Array, jax.Array]:
        # A real part that is learnt to be positive would explode.
        rate = jax.lax.complex(jnp.minimum(self.lambda_re, -1e-4), self.lambda_im)
        factors = jnp.exp(rate * jnp.exp(self.log_step))
        return factors, (factors - 1) / rate


def hippo(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and imaginary parts, float32[N] each, of HiPPO-N's eigenvalues above the real axis."""
    n = np.arange(2 * size)
    p = np.sqrt(1 + 2 * n)
    normal = -np.tril(p[:, None] * p, -1) - np.diag(n + 1.0) + 0.5 * p[:, None] * p
    skew = (normal - normal.T) / 2  # what is left is -1/2 on the diagonal
    imag = np.linalg.eigvalsh(-1j * skew)
    return np.full(size, -0.5, np.float32), np.sort(imag)[size:].astype(np.float32)


def _ring(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    low, high = RING
    squared = jax.random.uniform(key, shape, minval=low**2, maxval=high**2)
    return jnp.log(-0.5 * jnp.log(squared))


def _phases(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jnp.log(2 * jnp.pi * jax.random.uniform(key, shape, minval=1e-4))


def _log_steps(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    low, high = np.log(STEPS)
    return jax.random.uniform(key, shape, minval=low, maxval=high)
