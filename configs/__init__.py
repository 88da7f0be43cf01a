"""What people write: definitions, expressions and settings. Imports nothing else of Andon."""
