"""What the images are made of: bills of materials, and what is known against their parts."""
