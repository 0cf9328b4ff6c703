"""Follows the objects of the cluster: lists, watches, and what they bring into the cache."""
