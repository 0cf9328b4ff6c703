"""The operator: it reconciles HeadlessCMS objects into running CMS deployments."""
