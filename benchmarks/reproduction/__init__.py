"""The paper's experiments, with more seeds and more baselines; see ``docs/reproduction.md``."""
