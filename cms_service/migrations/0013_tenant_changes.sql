-- oldest-readable: 1

-- The transaction that wrote the row last: a pod asks for what has changed since it asked before, and need not ask for
-- every tenant. By a trigger, so that no writer has to know of it, nor one of an older release, nor replication.
ALTER TABLE cms.tenants ADD COLUMN changed_in xid8 NOT NULL DEFAULT '0';
CREATE INDEX tenants_changed ON cms.tenants (changed_in);

CREATE FUNCTION cms.note_tenant_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    NEW.changed_in := pg_catalog.pg_current_xact_id();
    RETURN NEW;
END
$$;
CREATE TRIGGER tenant_changed BEFORE INSERT OR UPDATE ON cms.tenants
    FOR EACH ROW EXECUTE FUNCTION cms.note_tenant_change();
ALTER TABLE cms.tenants ENABLE ALWAYS TRIGGER tenant_changed;

-- What is gone has no row to tell it. Tenants go seldom, so that it does for all to be asked for again.
CREATE TABLE cms.tenant_deletions (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    last_in  xid8 NOT NULL
);

CREATE FUNCTION cms.note_tenant_deletion() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO cms.tenant_deletions (last_in) VALUES (pg_current_xact_id())
        ON CONFLICT (only_row) DO UPDATE SET last_in = excluded.last_in;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION cms.note_tenant_deletion() FROM PUBLIC;
CREATE TRIGGER tenants_deleted AFTER DELETE ON cms.tenants
    FOR EACH ROW EXECUTE FUNCTION cms.note_tenant_deletion();
ALTER TABLE cms.tenants ENABLE ALWAYS TRIGGER tenants_deleted;

-- Changes follow each other only where this stays the same. It is another one on another server, after a restart, after
-- a crash (which may take transactions back that were seen: the counters begin anew then), in a table that was emptied
-- or restored, and after a tenant has gone.
CREATE FUNCTION cms.tenant_history() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()),
        (SELECT extract(epoch FROM b.stats_reset) FROM pg_stat_bgwriter b),
        pg_relation_filenode('cms.tenants'), (SELECT d.last_in FROM cms.tenant_deletions d))
$$;

CREATE POLICY changes ON cms.tenants FOR SELECT TO CURRENT_USER
    USING ((SELECT current_setting('cms.tenant_changes', true)) = 'on');

-- What was changed since p_since, as hashes of ids: whoever asks learns of no tenant that it does not know. The marker is
-- for the next question: whatever is below it had ended, and was seen or undone, when this one was answered; one
-- statement, so that all of it is of one snapshot. A table that came from another server can hold numbers that this one
-- has not given away yet.
CREATE FUNCTION cms.tenant_changes(p_since xid8, p_limit integer)
    RETURNS TABLE (history text, marker xid8, changed jsonb)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('cms.tenant_changes', 'on', true);
    RETURN QUERY
        SELECT cms.tenant_history(), pg_snapshot_xmin(pg_current_snapshot()), (
            SELECT coalesce(jsonb_object_agg(encode(sha256(uuid_send(c.id)), 'hex'), c.changed_in::text), '{}')
            FROM (SELECT t.id, t.changed_in FROM cms.tenants t
                  WHERE t.changed_in >= p_since AND t.changed_in < (SELECT pg_snapshot_xmax(pg_current_snapshot()))
                  LIMIT p_limit) c);
    PERFORM set_config('cms.tenant_changes', '', true);
END
$$;
REVOKE ALL ON FUNCTION cms.tenant_history(), cms.tenant_changes(xid8, integer) FROM PUBLIC;
