"""Requests to others than the API server: pods, Prometheus, webhooks."""
