"""Ray Tune: many lines, one search."""
