"""Sequence models: what remembers, from a sequence of inputs to a sequence of outputs.

Each is a flax module with the contract of `base.Recurrence`, in a file that opens with its equations.
"""
