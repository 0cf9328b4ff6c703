"""Migrates the database: which Jobs run and when, and what has come of them."""
