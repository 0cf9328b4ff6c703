-- oldest-readable: 1

-- Who changes a type rewrites its entries for seconds. With the tenant's counter of bytes in hand all that while, all
-- writers of the tenant would wait, and publications, which have the tenant's row before the counter, wait for each other
-- with the change. So it has what it adds noted here, and counted when the type's own row is written, at its end.
CREATE TABLE cms.uncounted_bytes (
    tenant_id uuid NOT NULL REFERENCES cms.tenants (id),
    bytes     bigint NOT NULL
);

ALTER TABLE cms.uncounted_bytes ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.uncounted_bytes FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.uncounted_bytes
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

CREATE FUNCTION cms.count_bytes_of(p_tenant uuid, p_delta bigint) RETURNS void
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    IF current_setting('cms.bytes_are_counted', true) IS DISTINCT FROM 'at the end' THEN
        PERFORM cms.count_usage(p_tenant, 'bytes', p_delta);
    ELSIF p_delta <> 0 THEN
        INSERT INTO cms.uncounted_bytes (tenant_id, bytes) VALUES (p_tenant, p_delta);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION cms.count_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM cms.count_bytes_of(n.tenant_id, sum(octet_length(n.fields::text)))
        FROM new_rows n GROUP BY n.tenant_id;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM cms.count_bytes_of(o.tenant_id, -sum(octet_length(o.fields::text)))
        FROM old_rows o GROUP BY o.tenant_id;
    ELSIF current_setting('cms.new_fields', true) = 'on' THEN
        PERFORM cms.count_bytes_of(b.tenant_id, sum(b.bytes)::bigint)
        FROM (SELECT tenant_id, octet_length(fields::text) AS bytes FROM new_rows
              UNION ALL SELECT tenant_id, -octet_length(fields::text) FROM old_rows) b
        GROUP BY b.tenant_id;
    END IF;
    RETURN NULL;
END
$$;

-- What comes after it in the same transaction is counted at once again.
CREATE FUNCTION cms.count_noted_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('cms.tenant', true), '')::uuid;
    v_bytes bigint;
BEGIN
    IF current_setting('cms.bytes_are_counted', true) = 'at the end' THEN
        WITH noted AS (DELETE FROM cms.uncounted_bytes WHERE tenant_id = v_tenant RETURNING bytes)
            SELECT sum(bytes) INTO v_bytes FROM noted;
        PERFORM set_config('cms.bytes_are_counted', '', true);
        PERFORM cms.count_usage(v_tenant, 'bytes', coalesce(v_bytes, 0));
    END IF;
    RETURN NULL;
END
$$;

-- The last of the type's triggers, after those that write the tenant's row.
CREATE TRIGGER zz_bytes_counted AFTER UPDATE ON cms.content_types
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_noted_bytes();
REVOKE ALL ON FUNCTION cms.count_bytes_of(uuid, bigint), cms.count_noted_bytes() FROM PUBLIC;
