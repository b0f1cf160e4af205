"""The same numbers on both sides: `iam_jax` against `iam_torch_ref`, check by check.

`cases` builds one model twice, `checks` and `learning` return how far two results are apart, and
``python -m iam_torch_ref.parity`` prints them beside what is allowed.
"""
