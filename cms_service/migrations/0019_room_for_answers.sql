-- oldest-readable: 1

-- The answers that are kept for an Idempotency-Key have room of their own: who shuts a user out, or takes content back,
-- names the write as well, and must not be refused for the content that is there.
CREATE FUNCTION cms.answer_bytes_limit(p_tenant uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY INVOKER
BEGIN ATOMIC
    SELECT greatest(coalesce(t.most, d.most) / 10, 16 * 1024 * 1024)
    FROM cms.limit_defaults d
    LEFT JOIN cms.tenant_limits t ON t.tenant_id = p_tenant AND t.what = d.what
    WHERE d.what = 'bytes';
END;

-- Before its first answer is counted, what a tenant has is measured. What takes no room is never refused.
CREATE OR REPLACE FUNCTION cms.add_answers(p_tenant uuid, p_delta bigint) RETURNS void
    LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    v_kept bigint;
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
    v_most := cms.answer_bytes_limit(p_tenant);
    IF v_kept > v_most THEN
        RAISE EXCEPTION 'a limit of the tenant is reached'
            USING ERRCODE = 'HC001', DETAIL = v_most || ' answerBytes';
    END IF;
END
$$;
