"""Decide, then store: the one function behind the command line and HTTP."""
