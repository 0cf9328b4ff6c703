"""What is told: the status, its conditions and the Events, made from what a reconcile found."""
