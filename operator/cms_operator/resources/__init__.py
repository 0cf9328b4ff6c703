"""Pure builders of everything that a HeadlessCMS owns."""
