-- oldest-readable: 1
-- What a tenant may have, and what it has. The counters are kept by triggers, so that whatever writes is counted, and
-- a counter's row makes those who write at once wait for each other. The service may read all of it and write none.

CREATE TABLE cms.limit_defaults (
    what text PRIMARY KEY,
    most bigint NOT NULL CHECK (most >= 0)
);

CREATE TABLE cms.tenant_limits (
    tenant_id uuid NOT NULL REFERENCES cms.tenants (id),
    what      text NOT NULL,
    most      bigint NOT NULL CHECK (most >= 0),
    PRIMARY KEY (tenant_id, what)
);

CREATE TABLE cms.tenant_usage (
    tenant_id uuid NOT NULL REFERENCES cms.tenants (id),
    what      text NOT NULL,
    used      bigint NOT NULL,
    PRIMARY KEY (tenant_id, what)
);

ALTER TABLE cms.tenant_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.tenant_limits FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.tenant_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.tenant_usage FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.tenant_limits
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.tenant_usage
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

CREATE FUNCTION cms.measured_usage(p_tenant uuid) RETURNS TABLE (what text, used bigint)
    LANGUAGE sql STABLE SECURITY INVOKER
BEGIN ATOMIC
    SELECT 'contentTypes', count(*) FROM cms.content_types WHERE tenant_id = p_tenant
    UNION ALL SELECT 'entries', count(*) FROM cms.entries WHERE tenant_id = p_tenant
    UNION ALL SELECT 'users', count(*) FROM cms.users WHERE tenant_id = p_tenant
    UNION ALL SELECT 'roles', count(*) FROM cms.roles WHERE tenant_id = p_tenant
    UNION ALL SELECT 'apiKeys', count(*) FROM cms.api_keys WHERE tenant_id = p_tenant
    UNION ALL SELECT 'hosts', count(*) FROM cms.tenant_hosts WHERE tenant_id = p_tenant
    UNION ALL SELECT 'bytes',
        coalesce((SELECT sum(octet_length(fields::text)) FROM cms.entries WHERE tenant_id = p_tenant), 0)::bigint
        + coalesce((SELECT sum(octet_length(fields::text)) FROM cms.published_entries WHERE tenant_id = p_tenant), 0)::bigint;
END;

-- Before a tenant's first write that is counted, what it has is measured once. Of two that do so at once the second
-- waits for the first and changes nothing.
CREATE FUNCTION cms.begin_counting() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('cms.tenant', true), '')::uuid;
BEGIN
    IF v_tenant IS NOT NULL AND EXISTS (SELECT FROM cms.tenants WHERE id = v_tenant)
       AND NOT EXISTS (SELECT FROM cms.tenant_usage WHERE tenant_id = v_tenant) THEN
        INSERT INTO cms.tenant_usage (tenant_id, what, used)
            SELECT v_tenant, m.what, m.used FROM cms.measured_usage(v_tenant) m ORDER BY m.what
            ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

-- What is over a limit already may shrink. Raises HC001; its detail names the limit.
CREATE FUNCTION cms.count_usage(p_tenant uuid, p_what text, p_delta bigint) RETURNS void
    LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    v_used bigint;
    v_most bigint;
BEGIN
    IF p_delta = 0 THEN
        RETURN;
    END IF;
    UPDATE cms.tenant_usage SET used = used + p_delta WHERE tenant_id = p_tenant AND what = p_what
        RETURNING used INTO v_used;
    IF p_delta < 0 THEN
        RETURN;
    END IF;
    v_most := coalesce((SELECT most FROM cms.tenant_limits WHERE tenant_id = p_tenant AND what = p_what),
                       (SELECT most FROM cms.limit_defaults WHERE what = p_what));
    IF v_used > v_most THEN
        RAISE EXCEPTION 'a limit of the tenant is reached'
            USING ERRCODE = 'HC001', DETAIL = v_most || ' ' || p_what;
    END IF;
END
$$;

CREATE FUNCTION cms.count_rows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM cms.count_usage(n.tenant_id, TG_ARGV[0], count(*)) FROM new_rows n GROUP BY n.tenant_id;
    ELSE
        PERFORM cms.count_usage(o.tenant_id, TG_ARGV[0], -count(*)) FROM old_rows o GROUP BY o.tenant_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION cms.count_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM cms.count_usage(n.tenant_id, 'bytes', sum(octet_length(n.fields::text)))
        FROM new_rows n GROUP BY n.tenant_id;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM cms.count_usage(o.tenant_id, 'bytes', -sum(octet_length(o.fields::text)))
        FROM old_rows o GROUP BY o.tenant_id;
    ELSE
        PERFORM cms.count_usage(b.tenant_id, 'bytes', sum(b.bytes)::bigint)
        FROM (SELECT tenant_id, octet_length(fields::text) AS bytes FROM new_rows
              UNION ALL SELECT tenant_id, -octet_length(fields::text) FROM old_rows) b
        GROUP BY b.tenant_id;
    END IF;
    RETURN NULL;
END
$$;

-- Triggers fire in the order of their names: all writes take the counter of bytes first, so that no two wait for each other.
DO $$
DECLARE
    v_counted text[][] := ARRAY[
        ['content_types', 'contentTypes'], ['entries', 'entries'], ['users', 'users'], ['roles', 'roles'],
        ['api_keys', 'apiKeys'], ['tenant_hosts', 'hosts'], ['published_entries', NULL]];
    v_table text;
    v_what text;
BEGIN
    FOR i IN 1 .. array_length(v_counted, 1) LOOP
        v_table := v_counted[i][1];
        v_what := v_counted[i][2];
        EXECUTE format('CREATE TRIGGER usage_begins BEFORE INSERT OR UPDATE OR DELETE ON cms.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION cms.begin_counting()', v_table);
        IF v_what IS NOT NULL THEN
            EXECUTE format('CREATE TRIGGER rows_added AFTER INSERT ON cms.%I REFERENCING NEW TABLE AS new_rows
                            FOR EACH STATEMENT EXECUTE FUNCTION cms.count_rows(%L)', v_table, v_what);
            EXECUTE format('CREATE TRIGGER rows_taken AFTER DELETE ON cms.%I REFERENCING OLD TABLE AS old_rows
                            FOR EACH STATEMENT EXECUTE FUNCTION cms.count_rows(%L)', v_table, v_what);
        END IF;
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['entries', 'published_entries'] LOOP
        EXECUTE format('CREATE TRIGGER bytes_added AFTER INSERT ON cms.%I REFERENCING NEW TABLE AS new_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes()', v_table);
        EXECUTE format('CREATE TRIGGER bytes_changed AFTER UPDATE ON cms.%I
                        REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes()', v_table);
        EXECUTE format('CREATE TRIGGER bytes_taken AFTER DELETE ON cms.%I REFERENCING OLD TABLE AS old_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes()', v_table);
    END LOOP;
END
$$;
