"""What the source Secrets of users say: where PostgreSQL and Redis are."""
