"""Ray Serve: the scorer, the HTTP application, and the builder that decorates."""
