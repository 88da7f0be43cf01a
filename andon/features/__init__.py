"""Aggregations as declared data, computed by one engine for training, serving and explanation."""
