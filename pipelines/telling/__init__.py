"""People told: senders joined to the outbox, and the outbox as people look at it."""
