-- oldest-readable: 1
-- Answers to writes that named themselves by an Idempotency-Key, for a client that asks once more.
-- A row is written in the transaction of the write that it answers: either both are there or neither.

CREATE TABLE cms.idempotency_keys (
    tenant_id    uuid NOT NULL REFERENCES cms.tenants (id),
    principal_id uuid NOT NULL,
    key          text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint  bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- NULL only within the transaction that makes the row.
    status       smallint,
    headers      jsonb,
    body         bytea,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, principal_id, key)
);

CREATE INDEX idempotency_keys_oldest ON cms.idempotency_keys (tenant_id, created_at);

ALTER TABLE cms.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.idempotency_keys
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Takes the key, or finds the answer that was given to it; then claimed is false. Waits for p_wait_ms
-- while another transaction holds the key. Each call takes some keys away that are older than a day.
CREATE FUNCTION cms.claim_idempotency_key(
    p_tenant uuid, p_principal uuid, p_key text, p_fingerprint bytea, p_wait_ms integer
) RETURNS TABLE (claimed boolean, fingerprint bytea, status smallint, headers text, body bytea)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_before text := current_setting('lock_timeout');
    v_oldest timestamptz := now() - interval '24 hours';
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    PERFORM set_config('lock_timeout', p_wait_ms::text, true);
    DELETE FROM cms.idempotency_keys k WHERE k.ctid IN (
        SELECT o.ctid FROM cms.idempotency_keys o
        WHERE o.tenant_id = p_tenant AND o.created_at < v_oldest
        ORDER BY o.created_at LIMIT 20 FOR UPDATE SKIP LOCKED);
    DELETE FROM cms.idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_principal AND k.key = p_key
          AND k.created_at < v_oldest;
    INSERT INTO cms.idempotency_keys (tenant_id, principal_id, key, fingerprint)
        VALUES (p_tenant, p_principal, p_key, p_fingerprint) ON CONFLICT DO NOTHING;
    claimed := FOUND;
    PERFORM set_config('lock_timeout', v_before, true);
    RETURN QUERY
        SELECT claimed, k.fingerprint, k.status, k.headers::text, k.body FROM cms.idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_principal AND k.key = p_key;
END
$$;
