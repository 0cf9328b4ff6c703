"""Trimmed copies of the cluster's objects, so that a reconcile reads nothing twice."""
