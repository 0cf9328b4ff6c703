"""Measures the candidate of a rollout: which pods and providers are asked, and when."""
