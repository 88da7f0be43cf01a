"""Why an alert came, and what would have avoided it."""
