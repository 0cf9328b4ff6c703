"""Requests to the API server: sent at a bounded pace, and writes only while the lease lasts."""
