"""Monitors: a forecaster for each variable of a line, calibrated thresholds and one score for the line."""
