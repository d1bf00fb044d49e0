"""Measure many models in turns, keep what was measured and how, and show it."""
