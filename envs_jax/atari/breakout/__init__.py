"""Breakout: rules in `dynamics`, pictures in `draw`, reference policies in `policies`."""
