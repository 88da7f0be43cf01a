"""Time splits, metrics, and the choice of thresholds."""
