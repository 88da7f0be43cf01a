"""Reports gathered from the stores, written, archived and sent."""
