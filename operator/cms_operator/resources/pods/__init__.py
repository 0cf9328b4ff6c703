"""What the pods of a revision are made of."""
