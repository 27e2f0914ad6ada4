"""Emulated Agora: one project with channels, users, kicking rules, queries, and notifications."""
