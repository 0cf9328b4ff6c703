"""What an image does wrong, one file a sort of fault."""
