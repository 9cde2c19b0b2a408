"""Theorem 1 measured along a training run."""
