"""The Secrets that the operator makes: keys, and passwords of the role and of owners."""
