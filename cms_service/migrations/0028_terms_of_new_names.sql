-- oldest-readable: 1
-- recorded as: 8ef5bb3a3c15fc8d0be9b38de7192af9b0af737f7d814e03b3dd363b4f0b8bb9

-- As before, but a number or a boolean under a name that the type does not know yet counts too: -> 0 asks them for
-- themselves, as if they were lists.
CREATE OR REPLACE FUNCTION cms.filtered_values(p_definition jsonb, p_fields jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(p_fields) f
    LEFT JOIN jsonb_array_elements(p_definition) AS d(field) ON d.field->>'name' = f.key
    WHERE CASE WHEN d.field IS NOT NULL THEN cms.is_filtered(d.field)
               ELSE jsonb_typeof(f.value) <> 'array' OR coalesce(jsonb_typeof(f.value->0), 'string') = 'string' END
$$;

-- What is published of types that were changed meanwhile, or were being changed just then; tenant by tenant, for the
-- owner's own sight is limited too. Locked, or it failed where somebody took an entry back just then.
DO $$
DECLARE
    v_since timestamptz := (SELECT m.applied_at - interval '1 hour' FROM cms.schema_migrations m WHERE m.version = 27);
    v_tenant uuid;
BEGIN
    PERFORM set_config('cms.tenant_changes', 'on', true);
    FOR v_tenant IN SELECT t.id FROM cms.tenants t LOOP
        PERFORM set_config('cms.tenant', v_tenant::text, true);
        INSERT INTO cms.published_terms (tenant_id, entry_id, term, content_type_id, published_at)
            SELECT p.tenant_id, p.entry_id, term, p.content_type_id, p.published_at
            FROM cms.content_types t
            JOIN cms.published_entries p ON p.tenant_id = t.tenant_id AND p.content_type_id = t.id
            CROSS JOIN LATERAL cms.terms(t.id, cms.filtered_values(t.fields, p.fields)) AS term
            WHERE t.tenant_id = v_tenant AND t.updated_at >= v_since
            FOR KEY SHARE OF p
            ON CONFLICT (tenant_id, entry_id, term) DO NOTHING;
    END LOOP;
    PERFORM set_config('cms.tenant', '', true), set_config('cms.tenant_changes', '', true);
END
$$;
