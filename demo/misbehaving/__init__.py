"""The CMS with a fault on purpose, to try releases with."""
