"""What one reconcile works on, and its acts."""
