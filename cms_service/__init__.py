"""The headless CMS: stateless, multi-tenant, on PostgreSQL and Redis."""
