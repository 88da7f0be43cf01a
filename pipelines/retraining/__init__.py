"""Challengers, what judges them, and the old champion in the shadow of the new one."""
