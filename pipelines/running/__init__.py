"""What runs for days: the server, the assistant, what is due, metrics and dashboards."""
