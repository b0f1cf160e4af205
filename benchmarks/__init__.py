"""Measurements; run as modules, such as ``python -m benchmarks.env_throughput``."""
