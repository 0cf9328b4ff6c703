-- oldest-readable: 1
-- each statement by itself

-- Whose rows a deleted user leaves.
CREATE INDEX CONCURRENTLY IF NOT EXISTS entries_created_by
    ON cms.entries (tenant_id, created_by) WHERE created_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS entries_updated_by
    ON cms.entries (tenant_id, updated_by) WHERE updated_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS entry_versions_created_by
    ON cms.entry_versions (tenant_id, created_by) WHERE created_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS entry_versions_published_by
    ON cms.entry_versions (tenant_id, published_by) WHERE published_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS binned_entries_created_by
    ON cms.binned_entries (tenant_id, created_by) WHERE created_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS binned_entries_updated_by
    ON cms.binned_entries (tenant_id, updated_by) WHERE updated_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS binned_entries_deleted_by
    ON cms.binned_entries (tenant_id, deleted_by) WHERE deleted_by IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS entry_schedules_created_by
    ON cms.entry_schedules (tenant_id, created_by) WHERE created_by IS NOT NULL;

-- Answers that are older than a day, of all tenants.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idempotency_keys_due ON cms.idempotency_keys (created_at);
