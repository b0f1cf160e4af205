"""The learner: rollout, advantages, loss, updates."""
