"""What to do next, decided from values alone: no network, no clock, no randomness."""
