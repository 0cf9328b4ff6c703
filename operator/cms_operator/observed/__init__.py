"""What is there, read from the objects of the cluster as the values that are decided on."""
