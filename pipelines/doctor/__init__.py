"""What Andon stands on, looked at thing by thing."""
