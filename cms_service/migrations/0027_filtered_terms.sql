-- oldest-readable: 1

-- Terms only of fields that a list can be filtered by: a list of 1,536 numbers in a JSON field made as many rows, which
-- no query could use. What was made of others before goes with the next publication of its entry.

-- Of a field of a definition.
CREATE FUNCTION cms.is_filtered(p_field jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_field->>'localised' IS DISTINCT FROM 'true'
       AND p_field->>'kind' IN ('text', 'slug', 'enumeration', 'email', 'url', 'number', 'boolean', 'date', 'datetime',
                                'reference', 'references');

-- A name that the type does not know comes with a change of it, whose entries are written before the type itself: its
-- value counts, unless it is a list of what cannot be references.
CREATE FUNCTION cms.filtered_values(p_definition jsonb, p_fields jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(p_fields) f
    LEFT JOIN jsonb_array_elements(p_definition) AS d(field) ON d.field->>'name' = f.key
    WHERE CASE WHEN d.field IS NULL THEN coalesce(jsonb_typeof(f.value->0), 'string') = 'string'
               ELSE cms.is_filtered(d.field) END
$$;

-- Writes the difference: of what is published again most stays as it is.
CREATE OR REPLACE FUNCTION cms.index_published_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    v_definition jsonb;
    v_terms bigint[];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.fields = NEW.fields AND OLD.published_at = NEW.published_at THEN
        RETURN NULL;
    END IF;
    SELECT t.fields INTO v_definition FROM cms.content_types t
        WHERE t.tenant_id = NEW.tenant_id AND t.id = NEW.content_type_id;
    v_terms := ARRAY(SELECT cms.terms(NEW.content_type_id, cms.filtered_values(v_definition, NEW.fields)));
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM cms.published_terms p
            WHERE p.tenant_id = NEW.tenant_id AND p.entry_id = NEW.entry_id AND p.term <> ALL (v_terms);
        UPDATE cms.published_terms p SET published_at = NEW.published_at
            WHERE p.tenant_id = NEW.tenant_id AND p.entry_id = NEW.entry_id AND p.published_at <> NEW.published_at;
    END IF;
    INSERT INTO cms.published_terms (tenant_id, entry_id, term, content_type_id, published_at)
        SELECT NEW.tenant_id, NEW.entry_id, term, NEW.content_type_id, NEW.published_at
        FROM unnest(v_terms) AS term
        ON CONFLICT (tenant_id, entry_id, term) DO NOTHING;
    RETURN NULL;
END
$$;

-- A field that becomes one of these may keep its values, so that no entry is written; and those that were written were
-- so by the old definition. Before the update, and so before the tenant's row is taken.
CREATE FUNCTION cms.index_filtered_fields() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
DECLARE
    v_names text[] := ARRAY(
        SELECT n.field->>'name' FROM jsonb_array_elements(NEW.fields) AS n(field)
        JOIN jsonb_array_elements(OLD.fields) AS o(field) ON o.field->>'name' = n.field->>'name'
        WHERE cms.is_filtered(n.field) AND NOT cms.is_filtered(o.field));
BEGIN
    IF cardinality(v_names) > 0 THEN
        INSERT INTO cms.published_terms (tenant_id, entry_id, term, content_type_id, published_at)
            SELECT p.tenant_id, p.entry_id, term, p.content_type_id, p.published_at
            FROM cms.published_entries p
            CROSS JOIN LATERAL cms.terms(p.content_type_id, cms.only_fields(p.fields, v_names)) AS term
            WHERE p.tenant_id = NEW.tenant_id AND p.content_type_id = NEW.id AND p.fields ?| v_names
            ON CONFLICT (tenant_id, entry_id, term) DO NOTHING;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER index_filtered_fields BEFORE UPDATE OF fields ON cms.content_types
    FOR EACH ROW WHEN (OLD.fields IS DISTINCT FROM NEW.fields) EXECUTE FUNCTION cms.index_filtered_fields();
