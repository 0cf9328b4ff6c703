"""The headless CMS: stateless, multi-tenant, on PostgreSQL and Redis."""

# The image installs no package that could be asked.
VERSION = "0.1.0"
