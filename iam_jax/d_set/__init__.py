"""Finding the d-set of an environment from its histories: ``python -m iam_jax.d_set --env tmaze``.

A d-set is the smallest set of variables such that, given their history and what is seen now, the rest of the
history tells nothing more about what is hidden (Suau et al. 2022, Section 3). That can be measured: a
predictor of what is hidden sees the present observation, and remembers the history of a subset alone
(`predictor`). Variables are left out, the least missed first, until the predictor becomes worse (`search`).
"""
