"""Pure builders of everything that a HeadlessCMS owns, one file per kind of child."""
