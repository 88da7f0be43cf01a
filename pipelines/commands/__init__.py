"""Thin typer commands: arguments in, one flow or service called, tables out."""
