"""The only place that starts or joins Ray."""
