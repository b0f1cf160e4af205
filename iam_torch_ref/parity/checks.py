"""Model, gradients, advantages and optimiser: how far the two sides are apart.

Every check returns a difference relative to the largest value of what it compares.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from iam_jax.config import PPOConfig as JaxPPOConfig
from iam_jax.models.actor_critic import forward as jax_forward
from iam_jax.models.actor_critic import watch
from iam_jax.ppo.gae import gae as jax_gae
from iam_jax.ppo.learner import make_optimiser
from iam_jax.ppo.loss import Batch as JaxBatch
from iam_jax.ppo.loss import ppo_loss as jax_loss
from iam_jax.ppo.numbers import PPONumbers
from iam_torch_ref import gae as torch_gae
from iam_torch_ref import loss as torch_loss
from iam_torch_ref import update as torch_update
from iam_torch_ref.config import PPOConfig
from iam_torch_ref.convert import from_flax, to_flax
from iam_torch_ref.parity.cases import B, Pair, T, difference, precision, to_tensor


def forward(pair: Pair) -> float:
    """Logits, values and memory over a sequence, and step by step, with resets and a carry."""
    with precision(pair.dtype):
        run = jax.jit(lambda p, c, o, f: jax_forward(pair.jax_model, p, c, o, f))
        ours = jax.device_get(run(pair.params, pair.carry, pair.obs, pair.first))
        ours_by_step = _by_step(lambda *x: jax.device_get(run(pair.params, *x)), pair, np.concatenate)
    with torch.no_grad():
        tensors = [pair.tensor(pair.obs), pair.tensor(pair.first)]
        theirs = pair.torch_model(tuple(map(pair.tensor, pair.carry)), *tensors)
        theirs_by_step = _by_step(
            lambda c, o, f: pair.torch_model(tuple(c), pair.tensor(o), pair.tensor(f)),
            pair,
            torch.cat,
            tuple(map(pair.tensor, pair.carry)),
        )
    return max(difference(ours, x) for x in (theirs, ours_by_step, theirs_by_step))


def gradients(pair: Pair, *, clip_value: bool = True, normalise_advantage: bool = True) -> float:
    """Gradient of the PPO loss for every parameter; ratios and values on both sides of the clip range."""
    config = PPOConfig(clip_value=clip_value, normalise_advantage=normalise_advantage)
    rates = {"clip": 0.2, "entropy_coefficient": 0.05}
    fields = _random_batch(pair)
    with precision(pair.dtype):
        ours = jax.jit(jax.grad(_jax_loss(pair, rates, config)))(pair.params["params"], fields)
    model = pair.torch_model
    model.zero_grad()
    tensors = {name: jax.tree.map(pair.tensor, x) for name, x in fields.items() if name != "obs"}
    tensors["obs"] = pair.tensor(pair.obs)
    torch_loss.ppo_loss(model, torch_loss.Batch(**tensors), rates, config).backward()
    theirs = to_flax({name: p.grad for name, p in model.named_parameters()})
    return difference(jax.device_get(ours), theirs["params"])


def advantages(dtype: str, device: str = "cpu", *, horizon: int | None = None) -> float:
    """Advantages over every mix of terminated, truncated, and going on."""
    draw = np.random.default_rng(4)
    steps = 24
    fields: dict[str, Any] = {
        name: draw.normal(size=(steps, B)).astype(dtype) for name in ("reward", "value", "final_value")
    }
    fields["last_value"] = draw.normal(size=B).astype(dtype)
    fields["terminated"], fields["truncated"] = draw.random((2, steps, B)) < 0.15
    numbers: Any = {"gamma": 0.97, "gae_lambda": 0.9, "horizon": horizon}
    with precision(dtype):
        ours = jax.device_get(jax_gae(**jax.tree.map(jnp.asarray, fields), **numbers))
    tensors = {name: to_tensor(x, dtype, device) for name, x in fields.items()}
    return difference(ours, torch_gae.gae(**tensors, **numbers))


def optimiser(pair: Pair, *, steps: int = 5, max_grad_norm: float | None = 1.0) -> float:
    """Parameters after steps of Adam on given gradients, some clipped and some of zeros."""
    draw = np.random.default_rng(5)
    scales = 10.0 ** np.arange(-4, steps - 4)
    learnt = {"params": pair.params["params"]}
    gradient = [
        jax.tree.map(lambda x, s=s: (s * draw.normal(size=x.shape)).astype(pair.dtype), learnt)
        for s in scales
    ]
    gradient[1] = jax.tree.map(np.zeros_like, gradient[1])
    rates = [1e-2 / (k + 1) for k in range(steps)]
    config = PPOConfig(max_grad_norm=max_grad_norm)
    with precision(pair.dtype):
        ours = _adam(learnt, gradient, rates, config)
    theirs = _torch_adam(pair, gradient, rates, config)
    return difference(ours["params"], theirs["params"])


def statistics(pair: Pair) -> float:
    """Running statistics, and what the model says with them, after it has watched observations twice."""
    ours, model = pair.params, pair.torch_model
    with precision(pair.dtype):
        for obs in (pair.obs, jax.tree.map(lambda x: x[:3] * 2, pair.obs)):
            ours = watch(pair.jax_model, ours, obs)
            model.watch(pair.tensor(obs))
        ours = jax.device_get(ours)
        outputs = _jax_outputs(pair, ours)
    theirs = to_flax(model.state_dict())
    with torch.no_grad():
        tensors = [pair.tensor(pair.obs), pair.tensor(pair.first)]
        their_outputs = model(tuple(map(pair.tensor, pair.carry)), *tensors)
    apart = difference(jax.device_get(outputs), their_outputs)
    return max(apart, difference(ours["statistics"], theirs["statistics"]))


def entropies(pair: Pair) -> float:
    """Entropies, log-probabilities, modes and what the environment is given."""
    policy, torch_policy = pair.jax_model.policy, pair.torch_model.policy
    with precision(pair.dtype):
        _, outputs, _ = _jax_outputs(pair, pair.params)
        outputs, action = policy.masked(outputs, pair.legal), jnp.asarray(pair.action)
        ours = (
            policy.entropy(outputs),
            policy.log_prob(outputs, action),
            policy.mode(outputs),
            policy.to_env(action),
        )
        ours = jax.device_get(ours)
    tensor, taken = pair.tensor(np.asarray(outputs)), pair.tensor(pair.action)
    theirs = (
        torch_policy.entropy(tensor),
        torch_policy.log_prob(tensor, taken),
        torch_policy.mode(tensor),
        torch_policy.to_env(taken),
    )
    return difference(ours, theirs)


def _jax_outputs(pair: Pair, params: Any) -> Any:
    given: Any = (pair.carry, pair.obs, pair.first)
    return jax_forward(pair.jax_model, params, *given)


def _by_step(model: Any, pair: Pair, cat: Any, carry: Any = None) -> Any:
    carry = pair.carry if carry is None else carry
    rows = []
    for t in range(T):
        obs = jax.tree.map(lambda x, t=t: x[t : t + 1], pair.obs)
        carry, logits, value = model(carry, obs, pair.first[t : t + 1])
        rows.append((logits, value))
    return carry, *(cat(parts) for parts in zip(*rows, strict=True))


def _random_batch(pair: Pair) -> dict[str, Any]:
    draw = np.random.default_rng(6)
    fields = {name: draw.normal(0, 2, (T, B)).astype(pair.dtype) for name in ("value", "advantage")}
    # Near what the model says, so that ratios lie on both sides of the clip range.
    policy = pair.jax_model.policy
    with precision(pair.dtype):
        _, outputs, _ = _jax_outputs(pair, pair.params)
        log_prob = policy.log_prob(policy.masked(outputs, pair.legal), jnp.asarray(pair.action))
    fields["log_prob"] = (np.asarray(log_prob) + 0.3 * draw.normal(size=(T, B))).astype(pair.dtype)
    given = {"carry": pair.carry, "obs": pair.obs, "first": pair.first, "action": pair.action}
    return given | fields | ({} if pair.legal is None else {"legal": pair.legal})


def _jax_loss(pair: Pair, rates: dict[str, float], config: PPOConfig) -> Any:
    def loss(learnt: Any, fields: dict[str, Any]) -> jax.Array:
        params = {**pair.params, "params": learnt}
        numbers: Any = {
            **rates,
            "value_coefficient": config.value_coefficient,
            "clip_value": config.clip_value,
            "normalise_advantage": config.normalise_advantage,
        }
        return jax_loss(params, pair.jax_model, JaxBatch(**fields), **numbers)[0]

    return loss


def _adam(params: Any, gradients: list[Any], rates: list[float], config: PPOConfig) -> Any:
    adam = make_optimiser(
        PPONumbers.of(JaxPPOConfig(max_grad_norm=config.max_grad_norm, adam_eps=config.adam_eps))
    )
    params = jax.tree.map(jnp.asarray, params)
    state = adam.init(params)
    for gradient, rate in zip(gradients, rates, strict=True):
        updates, state = adam.update(gradient, state, params)
        params = jax.tree.map(lambda p, u, rate=rate: p - rate * u, params, updates)
    return jax.device_get(params)


def _torch_adam(pair: Pair, gradients: list[Any], rates: list[float], config: PPOConfig) -> Any:
    model = pair.torch_model
    adam = torch_update.make_optimiser(model, config)
    for gradient, rate in zip(gradients, rates, strict=True):
        tensors = from_flax(gradient)
        for name, parameter in model.named_parameters():
            parameter.grad = tensors[name].to(parameter.device)
        torch_update.apply_gradients(model, adam, rate, config.max_grad_norm)
    return to_flax(model.state_dict())
