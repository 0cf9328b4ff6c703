-- oldest-readable: 1
-- each statement by itself

-- Which tenants have something due, and of each the oldest.
CREATE INDEX CONCURRENTLY IF NOT EXISTS entry_schedules_by_tenant
    ON cms.entry_schedules (tenant_id, due_at) WHERE failed_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS binned_entries_by_tenant ON cms.binned_entries (tenant_id, deleted_at);
