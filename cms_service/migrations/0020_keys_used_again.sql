-- oldest-readable: 1
-- As before, but a key that is older than a day keeps its old answer until the new one takes its place: to take it away
-- here would hold the tenant's count of answers, for which all its named writes wait, for as long as this write lasts.
CREATE OR REPLACE FUNCTION cms.claim_idempotency_key(
    p_tenant uuid, p_principal uuid, p_key text, p_fingerprint bytea, p_wait_ms integer
) RETURNS TABLE (claimed boolean, fingerprint bytea, status smallint, headers text, body bytea)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_before text := current_setting('lock_timeout');
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    PERFORM set_config('lock_timeout', p_wait_ms::text, true);
    UPDATE cms.idempotency_keys k SET fingerprint = p_fingerprint, created_at = now()
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_principal AND k.key = p_key
          AND k.created_at < now() - interval '24 hours';
    claimed := FOUND;
    IF NOT claimed THEN
        INSERT INTO cms.idempotency_keys (tenant_id, principal_id, key, fingerprint)
            VALUES (p_tenant, p_principal, p_key, p_fingerprint) ON CONFLICT DO NOTHING;
        claimed := FOUND;
    END IF;
    PERFORM set_config('lock_timeout', v_before, true);
    RETURN QUERY
        SELECT claimed, k.fingerprint, k.status, k.headers::text, k.body FROM cms.idempotency_keys k
        WHERE k.tenant_id = p_tenant AND k.principal_id = p_principal AND k.key = p_key;
END
$$;
