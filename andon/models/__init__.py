"""Learners, and the bundle: a model as one directory."""
