"""The acts of one reconcile, in the order in which it makes them."""
