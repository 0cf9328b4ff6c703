"""One builder for each kind of child, but for Secrets."""
