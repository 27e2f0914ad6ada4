"""Servers to compare with: they do the same durable work for a join, without the checks."""
