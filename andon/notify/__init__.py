"""Telling people: which routes an event goes by, what goes out together, and senders by e-mail, webhook and log."""
