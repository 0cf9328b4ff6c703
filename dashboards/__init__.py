"""Grafana's dashboards, from which the chart's JSON files are made."""
