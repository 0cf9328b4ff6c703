"""Writes to the API server: children, status and Events."""
