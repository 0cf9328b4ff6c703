-- oldest-readable: 1

-- As before, but each reference is looked up by its key. Under row-level security an index is not asked with what a
-- function that might leak has computed, and ->> counts as one: all entries were read for each save.
CREATE OR REPLACE FUNCTION cms.link_entry(
    p_tenant uuid, p_type uuid, p_entry uuid, p_new boolean, p_unique jsonb, p_references jsonb
) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_taken text;
    v_missing jsonb;
BEGIN
    IF NOT p_new THEN
        DELETE FROM cms.unique_values WHERE tenant_id = p_tenant AND entry_id = p_entry;
        DELETE FROM cms.entry_references WHERE tenant_id = p_tenant AND source_id = p_entry;
    END IF;
    IF jsonb_array_length(p_unique) > 0 THEN
        INSERT INTO cms.unique_values (tenant_id, content_type_id, field, locale, digest, entry_id)
            SELECT p_tenant, p_type, u.field, u.locale, u.digest, p_entry
            FROM jsonb_to_recordset(p_unique) AS u(field text, locale text, digest text)
            ORDER BY u.field, u.locale, u.digest
            ON CONFLICT DO NOTHING;
        SELECT u.field INTO v_taken
            FROM jsonb_to_recordset(p_unique) AS u(field text, locale text, digest text)
            WHERE NOT EXISTS (
                SELECT FROM cms.unique_values v
                WHERE v.tenant_id = p_tenant AND v.content_type_id = p_type AND v.field = u.field
                  AND v.locale = u.locale AND v.digest = u.digest AND v.entry_id = p_entry)
            ORDER BY u.field LIMIT 1;
        IF v_taken IS NOT NULL THEN
            RAISE EXCEPTION 'a value is taken'
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'unique_values_pkey', COLUMN = v_taken;
        END IF;
    END IF;

    IF jsonb_array_length(p_references) > 0 THEN
        SELECT jsonb_agg(r.ordinal - 1) INTO v_missing
            FROM ROWS FROM (jsonb_to_recordset(p_references) AS (target uuid, types jsonb))
                WITH ORDINALITY AS r(target, types, ordinal)
            WHERE (SELECT r.types ? t.name
                   FROM cms.entries e
                   JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
                   WHERE e.tenant_id = p_tenant AND e.id = r.target) IS NOT TRUE;
        IF v_missing IS NOT NULL THEN
            RAISE EXCEPTION 'a reference leads nowhere'
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_references_missing',
                      DETAIL = v_missing::text;
        END IF;
        INSERT INTO cms.entry_references (tenant_id, source_id, field, position, target_id)
            SELECT p_tenant, p_entry, r.field, r.position, r.target
            FROM jsonb_to_recordset(p_references) AS r(field text, position integer, target uuid)
            ORDER BY r.target;
    END IF;
    RETURN true;
END
$$;

-- A function of its own, for its plans to be kept: editors' programs create entries by the thousand. The arguments are
-- those of the service's other statements that save an entry. No row where the type is not of this version any more.
CREATE FUNCTION cms.create_entry(p_tenant uuid, p_args jsonb) RETURNS SETOF jsonb
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_type_id uuid := (p_args->>'typeId')::uuid;
    v_type_version integer := (p_args->>'typeVersion')::integer;
    v_type text;
    v_user uuid := (p_args->>'actingUser')::uuid;
    v_entry cms.entries;
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    SELECT t.name INTO v_type FROM cms.content_types t
        WHERE t.tenant_id = p_tenant AND t.id = v_type_id AND t.version = v_type_version FOR KEY SHARE;
    IF v_type IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields, created_by, updated_by)
        VALUES (p_tenant, (p_args->>'id')::uuid, v_type_id, p_args->>'slug', p_args->'fields', v_user, v_user)
        RETURNING * INTO v_entry;
    INSERT INTO cms.entry_versions (tenant_id, entry_id, version, content_type_id, kind, slug, fields, created_at,
                                    created_by)
        VALUES (p_tenant, v_entry.id, v_entry.version, v_entry.content_type_id, p_args->>'kind', v_entry.slug,
                v_entry.fields, v_entry.updated_at, v_entry.updated_by);
    INSERT INTO cms.audit_log (tenant_id, actor_id, actor_kind, action, object_kind, object_id, details)
        VALUES (p_tenant, (p_args->>'actor')::uuid, p_args->>'actorKind', 'created', 'entry', v_entry.id,
                jsonb_build_object('version', v_entry.version));
    PERFORM cms.link_entry(
        p_tenant, v_entry.content_type_id, v_entry.id, true, p_args->'claims', p_args->'references');
    RETURN NEXT jsonb_build_object(
        'id', v_entry.id, 'type', v_type, 'version', v_entry.version, 'slug', v_entry.slug, 'fields', v_entry.fields,
        'createdAt', v_entry.created_at, 'createdBy', v_entry.created_by, 'updatedAt', v_entry.updated_at,
        'updatedBy', v_entry.updated_by, 'published', NULL);
END
$$;
