-- oldest-readable: 1
-- The answers that are kept for an Idempotency-Key take room as content does. They are counted in a row of their own:
-- it is written last in each transaction, so that no writer waits with it for another.

CREATE TABLE cms.kept_answers (
    tenant_id uuid PRIMARY KEY REFERENCES cms.tenants (id),
    bytes     bigint NOT NULL
);

ALTER TABLE cms.kept_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.kept_answers FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.kept_answers
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Before its first answer is counted, what a tenant has is measured. Together with its content it stays below the limit
-- for bytes; what takes no room is never refused, and neither is content for the sake of answers.
CREATE FUNCTION cms.add_answers(p_tenant uuid, p_delta bigint) RETURNS void
    LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    v_kept bigint;
    v_content bigint;
    v_most bigint;
BEGIN
    IF p_delta = 0 THEN
        RETURN;
    END IF;
    UPDATE cms.kept_answers SET bytes = bytes + p_delta WHERE tenant_id = p_tenant RETURNING bytes INTO v_kept;
    IF NOT FOUND THEN
        INSERT INTO cms.kept_answers AS a (tenant_id, bytes)
            SELECT p_tenant, coalesce(sum(octet_length(k.body)), 0)
            FROM cms.idempotency_keys k WHERE k.tenant_id = p_tenant
            ON CONFLICT (tenant_id) DO UPDATE SET bytes = a.bytes + p_delta
            RETURNING bytes INTO v_kept;
    END IF;
    IF p_delta < 0 THEN
        RETURN;
    END IF;
    v_content := (SELECT used FROM cms.tenant_usage WHERE tenant_id = p_tenant AND what = 'bytes');
    v_most := coalesce((SELECT most FROM cms.tenant_limits WHERE tenant_id = p_tenant AND what = 'bytes'),
                       (SELECT most FROM cms.limit_defaults WHERE what = 'bytes'));
    IF v_kept + coalesce(v_content, 0) > v_most THEN
        RAISE EXCEPTION 'a limit of the tenant is reached'
            USING ERRCODE = 'HC001', DETAIL = v_most || ' bytes';
    END IF;
END
$$;

CREATE FUNCTION cms.count_answers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM cms.add_answers(o.tenant_id, -coalesce(sum(octet_length(o.body)), 0))
        FROM old_rows o GROUP BY o.tenant_id;
    ELSE
        PERFORM cms.add_answers(b.tenant_id, coalesce(sum(b.bytes), 0)::bigint)
        FROM (SELECT tenant_id, octet_length(body) AS bytes FROM new_rows
              UNION ALL SELECT tenant_id, -octet_length(body) FROM old_rows) b
        GROUP BY b.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION cms.add_answers(uuid, bigint), cms.count_answers() FROM PUBLIC;

-- In the tenant of the statement.
CREATE FUNCTION cms.kept_answer_bytes() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT a.bytes FROM cms.kept_answers a
                     WHERE a.tenant_id = nullif(current_setting('cms.tenant', true), '')::uuid), 0)
$$;
REVOKE ALL ON FUNCTION cms.kept_answer_bytes() FROM PUBLIC;

-- A key is taken without an answer.
CREATE TRIGGER answers_changed AFTER UPDATE ON cms.idempotency_keys
    REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_answers();
CREATE TRIGGER answers_taken AFTER DELETE ON cms.idempotency_keys REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_answers();

-- Tenants that have answers older than a day. They go by themselves, whether or not their tenant writes again.
CREATE POLICY due_work ON cms.idempotency_keys FOR SELECT TO CURRENT_USER
    USING ((SELECT current_setting('cms.due_work', true)) = 'on');

CREATE FUNCTION cms.due_answers(p_limit integer) RETURNS SETOF uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('cms.due_work', 'on', true);
    RETURN QUERY
        SELECT DISTINCT old.tenant_id FROM (
            SELECT k.tenant_id FROM cms.idempotency_keys k WHERE k.created_at < now() - interval '24 hours'
            ORDER BY k.created_at LIMIT least(p_limit, 1000)) AS old;
    PERFORM set_config('cms.due_work', '', true);
END
$$;
REVOKE ALL ON FUNCTION cms.due_answers(integer) FROM PUBLIC;

-- As before, but it takes no keys away but the one that is asked for, when it is older than a day.
CREATE OR REPLACE FUNCTION cms.claim_idempotency_key(
    p_tenant uuid, p_principal uuid, p_key text, p_fingerprint bytea, p_wait_ms integer
) RETURNS TABLE (claimed boolean, fingerprint bytea, status smallint, headers text, body bytea)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_before text := current_setting('lock_timeout');
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    PERFORM set_config('lock_timeout', p_wait_ms::text, true);
    DELETE FROM cms.idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_principal AND k.key = p_key
          AND k.created_at < now() - interval '24 hours';
    INSERT INTO cms.idempotency_keys (tenant_id, principal_id, key, fingerprint)
        VALUES (p_tenant, p_principal, p_key, p_fingerprint) ON CONFLICT DO NOTHING;
    claimed := FOUND;
    PERFORM set_config('lock_timeout', v_before, true);
    RETURN QUERY
        SELECT claimed, k.fingerprint, k.status, k.headers::text, k.body FROM cms.idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_principal AND k.key = p_key;
END
$$;
