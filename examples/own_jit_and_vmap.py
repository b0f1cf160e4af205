"""The learner under your own jit and vmap: three seeds of a small run as one compiled program."""

import jax

import envs_jax
import iam_jax

NUM_UPDATES = 60

env, params = envs_jax.make("mini-warehouse")
ppo = iam_jax.PPOConfig(num_envs=128, num_steps=16, bptt_length=16, num_epochs=1, gamma=0.96, gae_lambda=0.8)
model = iam_jax.model_for(iam_jax.IAMConfig(fc=(64,), hidden=32, joint=(32,)), env, params)
learner = iam_jax.Learner(env, params, model, ppo, NUM_UPDATES)


@jax.jit
def train(seeds):
    """Everything from fresh parameters to the last update, for each seed, [S]."""

    def one(seed):
        state = learner.init(jax.random.key(seed))
        return learner.run(state, NUM_UPDATES)  # a scan of learner.update(state) -> state, metrics

    return jax.vmap(one)(seeds)


if __name__ == "__main__":
    states, metrics = train(jax.numpy.arange(3))
    for seed, returns in enumerate(metrics["episode_return"]):
        first, last = jax.numpy.nanmean(returns[:10]), jax.numpy.nanmean(returns[-10:])
        print(f"seed {seed}: mean return {first:.2f} in the first updates, {last:.2f} in the last")
