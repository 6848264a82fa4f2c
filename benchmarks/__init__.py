"""Performance claims, each measured through the real program's real door beside its floor."""
