"""Carrying messages from the outbox to the channels."""
