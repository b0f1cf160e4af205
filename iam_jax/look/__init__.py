"""The episode microscope: what an agent sees, remembers and does, step by step, on one page."""
