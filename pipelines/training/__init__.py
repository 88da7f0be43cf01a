"""From definitions and signals to the first champions."""
