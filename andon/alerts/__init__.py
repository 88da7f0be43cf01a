"""Rules that open and resolve alerts, and the life that an alert has."""
