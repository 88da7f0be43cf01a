"""When an alert fires and resolves, and its life cycle."""
