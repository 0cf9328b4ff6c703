"""The CMS with a fault on purpose: for the demo and for tests."""
