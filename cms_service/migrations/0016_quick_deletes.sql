-- oldest-readable: 1

-- An entry's versions go with the entry, in the bin as well, and no type goes before its entries: a reference to the type
-- protects nothing, costs each save a look at it, and has the whole history read when a type is deleted.
ALTER TABLE cms.entry_versions DROP CONSTRAINT entry_versions_tenant_id_content_type_id_fkey;

-- Who deletes a user has all rows changed that name them, and nobody's bytes with that. A trigger that sees both the old
-- and the new rows cannot be one of certain columns, so that another one, which can, tells it of them beforehand.
CREATE FUNCTION cms.note_new_fields() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.new_fields', 'on', true);
    RETURN NULL;
END
$$;

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['entries', 'published_entries', 'entry_versions', 'binned_entries'] LOOP
        EXECUTE format('CREATE TRIGGER fields_change BEFORE UPDATE OF fields ON cms.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION cms.note_new_fields()', v_table);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION cms.count_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM cms.count_usage(n.tenant_id, 'bytes', sum(octet_length(n.fields::text)))
        FROM new_rows n GROUP BY n.tenant_id;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM cms.count_usage(o.tenant_id, 'bytes', -sum(octet_length(o.fields::text)))
        FROM old_rows o GROUP BY o.tenant_id;
    ELSIF current_setting('cms.new_fields', true) = 'on' THEN
        PERFORM cms.count_usage(b.tenant_id, 'bytes', sum(b.bytes)::bigint)
        FROM (SELECT tenant_id, octet_length(fields::text) AS bytes FROM new_rows
              UNION ALL SELECT tenant_id, -octet_length(fields::text) FROM old_rows) b
        GROUP BY b.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
