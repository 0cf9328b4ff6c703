"""One reconcile: observe, decide, apply, report; what it works on, and its acts."""
