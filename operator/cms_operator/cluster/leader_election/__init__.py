"""Which of several operators leads: the Lease in the cluster, got, kept and given back."""
