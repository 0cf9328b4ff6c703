"""What may be written under `spec`, one file for each part of it."""
