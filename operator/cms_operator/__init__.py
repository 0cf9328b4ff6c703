"""The operator: it reconciles HeadlessCMS objects into running CMS deployments."""

# The image installs no package that could be asked.
VERSION = "0.1.0"
