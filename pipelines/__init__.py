"""The flows that join everything, and the command."""
