-- oldest-readable: 1

-- What is due is chosen by tenants: ten of those that have some, by lot, and of each the oldest, the first of each before
-- the second of any. So one that plans 100,000 entries for the same moment takes the turn of nobody else, nor does one
-- whose entries cannot be written for a while. What the caller names is left out, and so is what has to come after
-- another plan of its entry. Most of the time nothing is due, which the index by time says at once.
CREATE FUNCTION cms.due_schedules(p_limit integer, p_without uuid[])
    RETURNS TABLE (tenant_id uuid, entry_id uuid, action text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_limit integer := least(p_limit, 1000);
BEGIN
    PERFORM set_config('cms.due_work', 'on', true);
    IF EXISTS (SELECT FROM cms.entry_schedules s WHERE s.failed_at IS NULL AND s.due_at <= now()) THEN
        RETURN QUERY
            WITH RECURSIVE planning AS (
                (SELECT s.tenant_id AS id, s.due_at AS oldest FROM cms.entry_schedules s
                 WHERE s.failed_at IS NULL ORDER BY s.tenant_id, s.due_at LIMIT 1)
                UNION ALL
                SELECT beyond.* FROM planning p CROSS JOIN LATERAL (
                    SELECT s.tenant_id, s.due_at FROM cms.entry_schedules s
                    WHERE s.failed_at IS NULL AND s.tenant_id > p.id
                    ORDER BY s.tenant_id, s.due_at LIMIT 1) beyond),
            chosen AS (SELECT p.id FROM planning p WHERE p.oldest <= now() ORDER BY random() LIMIT 10)
            SELECT c.id, d.entry_id, d.action FROM chosen c CROSS JOIN LATERAL (
                SELECT s.entry_id, s.action, row_number() OVER (ORDER BY s.due_at) AS place
                FROM cms.entry_schedules s
                WHERE s.tenant_id = c.id AND s.failed_at IS NULL AND s.due_at <= now()
                  AND s.entry_id <> ALL (p_without)
                  AND NOT EXISTS (
                      SELECT FROM cms.entry_schedules o
                      WHERE o.tenant_id = s.tenant_id AND o.entry_id = s.entry_id AND o.failed_at IS NULL
                        AND o.due_at < s.due_at)
                ORDER BY s.due_at LIMIT v_limit) d
            ORDER BY d.place LIMIT v_limit;
    END IF;
    PERFORM set_config('cms.due_work', '', true);
END
$$;

CREATE FUNCTION cms.due_bin(p_days integer, p_limit integer, p_without uuid[])
    RETURNS TABLE (tenant_id uuid, entry_id uuid)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_limit integer := least(p_limit, 1000);
    v_until timestamptz := now() - make_interval(days => greatest(p_days, 1));
BEGIN
    PERFORM set_config('cms.due_work', 'on', true);
    IF EXISTS (SELECT FROM cms.binned_entries b WHERE b.deleted_at < v_until) THEN
        RETURN QUERY
            WITH RECURSIVE keeping AS (
                (SELECT b.tenant_id AS id, b.deleted_at AS oldest FROM cms.binned_entries b
                 ORDER BY b.tenant_id, b.deleted_at LIMIT 1)
                UNION ALL
                SELECT beyond.* FROM keeping k CROSS JOIN LATERAL (
                    SELECT b.tenant_id, b.deleted_at FROM cms.binned_entries b
                    WHERE b.tenant_id > k.id ORDER BY b.tenant_id, b.deleted_at LIMIT 1) beyond),
            chosen AS (SELECT k.id FROM keeping k WHERE k.oldest < v_until ORDER BY random() LIMIT 10)
            SELECT c.id, d.id FROM chosen c CROSS JOIN LATERAL (
                SELECT b.id, row_number() OVER (ORDER BY b.deleted_at) AS place FROM cms.binned_entries b
                WHERE b.tenant_id = c.id AND b.deleted_at < v_until AND b.id <> ALL (p_without)
                ORDER BY b.deleted_at LIMIT v_limit) d
            ORDER BY d.place LIMIT v_limit;
    END IF;
    PERFORM set_config('cms.due_work', '', true);
END
$$;

REVOKE ALL ON FUNCTION cms.due_schedules(integer, uuid[]), cms.due_bin(integer, integer, uuid[]) FROM PUBLIC;

-- Until when the log was purged: what was deleted stays in the index by time until it is vacuumed, and to begin before it
-- is to read all of that again with each look.
CREATE TABLE cms.audit_log_purged (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    until    timestamptz NOT NULL
);
INSERT INTO cms.audit_log_purged (until) VALUES ('-infinity');

-- A year's log would have grown by 73 days' deleted notes before its vacuum.
ALTER TABLE cms.audit_log SET (autovacuum_vacuum_scale_factor = 0.01);

-- As before, but from there on, by one pod at a time, and once a minute where there is no more than that.
CREATE OR REPLACE FUNCTION cms.purge_audit_log(p_days integer, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_limit integer := least(p_limit, 1000);
    v_until timestamptz := now() - make_interval(days => greatest(p_days, 30));
    v_from timestamptz;
    v_last timestamptz;
    v_gone bigint;
BEGIN
    IF (SELECT p.until FROM cms.audit_log_purged p) > v_until - interval '1 minute' THEN
        RETURN 0;
    END IF;
    SELECT p.until INTO v_from FROM cms.audit_log_purged p FOR UPDATE SKIP LOCKED;
    IF v_from IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM set_config('cms.due_work', 'on', true);
    WITH old AS (
        SELECT a.tenant_id, a.id FROM cms.audit_log a
        WHERE a.at >= v_from AND a.at < v_until ORDER BY a.at LIMIT v_limit),
    gone AS (
        DELETE FROM cms.audit_log a USING old WHERE a.tenant_id = old.tenant_id AND a.id = old.id RETURNING a.at)
    SELECT count(*), max(gone.at) INTO v_gone, v_last FROM gone;
    PERFORM set_config('cms.due_work', '', true);
    UPDATE cms.audit_log_purged SET until = CASE WHEN v_gone < v_limit THEN v_until ELSE v_last END;
    RETURN v_gone;
END
$$;
