-- oldest-readable: 1

-- Row-level security keeps GIN from being used: none of its operators is leakproof. The equality of two numbers is,
-- so what lists can be filtered by stands here as a number for each value: a hash of the type, the field and the
-- value. A list by one value in the usual order reads just the rows that it shows. Filled by a trigger, so that no
-- writer has to know of it.
CREATE TABLE cms.published_terms (
    tenant_id       uuid NOT NULL,
    entry_id        uuid NOT NULL,
    term            bigint NOT NULL,
    content_type_id uuid NOT NULL,
    published_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, entry_id, term),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.published_entries (tenant_id, entry_id) ON DELETE CASCADE
);

CREATE INDEX published_terms_newest
    ON cms.published_terms (tenant_id, content_type_id, term, published_at DESC, entry_id DESC);

-- As JSON compares them: 10 and 10.0 are the same.
CREATE FUNCTION cms.term(p_type uuid, p_field text, p_value jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('x' || left(md5(p_type::text || '.' || p_field || '=' || CASE jsonb_typeof(p_value)
        WHEN 'number' THEN trim_scale((p_value #>> '{}')::numeric)::text ELSE p_value::text END), 16))::bit(64)::bigint;

-- Of a field's single value, or of each that a list holds. Values longer than a filter can name are left out.
CREATE FUNCTION cms.terms(p_type uuid, p_fields jsonb) RETURNS SETOF bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT cms.term(p_type, f.key, v.value)
    FROM jsonb_each(p_fields) f
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(f.value) WHEN 'array' THEN f.value ELSE jsonb_build_array(f.value) END) v
    WHERE jsonb_typeof(v.value) IN ('string', 'number', 'boolean') AND char_length(v.value #>> '{}') <= 500
$$;

CREATE FUNCTION cms.index_published_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM cms.published_terms WHERE tenant_id = NEW.tenant_id AND entry_id = NEW.entry_id;
    END IF;
    INSERT INTO cms.published_terms (tenant_id, entry_id, term, content_type_id, published_at)
        SELECT NEW.tenant_id, NEW.entry_id, term, NEW.content_type_id, NEW.published_at
        FROM cms.terms(NEW.content_type_id, NEW.fields) term;
    RETURN NULL;
END
$$;

CREATE TRIGGER index_published_entry AFTER INSERT OR UPDATE ON cms.published_entries
    FOR EACH ROW EXECUTE FUNCTION cms.index_published_entry();

-- What is published already, of all tenants: the owner's own sight is limited too, but for this.
ALTER TABLE cms.published_entries NO FORCE ROW LEVEL SECURITY;
INSERT INTO cms.published_terms (tenant_id, entry_id, term, content_type_id, published_at)
    SELECT p.tenant_id, p.entry_id, term, p.content_type_id, p.published_at
    FROM cms.published_entries p CROSS JOIN LATERAL cms.terms(p.content_type_id, p.fields) term;
ALTER TABLE cms.published_entries FORCE ROW LEVEL SECURITY;

ALTER TABLE cms.published_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.published_terms FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.published_terms
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Sets the tenant for the statement that begins with it. What reads rows must be joined LATERAL, and be kept by
-- OFFSET 0 or a WITH from being merged with the rest: then it runs after this, whatever the planner thinks.
CREATE FUNCTION cms.enter_tenant(p_tenant uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    RETURN p_tenant;
END
$$;

-- One value for each localised field: that of the first locale of the chain that has one. The tree names the
-- localised fields: true for one, a tree for a component. Without a value in the chain the field is left out.
CREATE FUNCTION cms.in_locale(p_value jsonb, p_tree jsonb, p_chain text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    v_name text;
    v_tree jsonb;
    v_found jsonb;
    v_result jsonb := p_value;
BEGIN
    IF jsonb_typeof(p_value) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(cms.in_locale(i.value, p_tree, p_chain) ORDER BY i.position), '[]')
                FROM jsonb_array_elements(p_value) WITH ORDINALITY i(value, position));
    END IF;
    FOR v_name, v_tree IN SELECT * FROM jsonb_each(p_tree) LOOP
        CONTINUE WHEN NOT p_value ? v_name;
        IF v_tree = 'true' THEN
            SELECT p_value->v_name->c.locale INTO v_found
                FROM unnest(p_chain) WITH ORDINALITY c(locale, position)
                WHERE p_value->v_name ? c.locale ORDER BY c.position LIMIT 1;
        ELSE
            v_found := cms.in_locale(p_value->v_name, v_tree, p_chain);
        END IF;
        v_result := CASE WHEN v_found IS NULL THEN v_result - v_name
                         ELSE jsonb_set(v_result, ARRAY[v_name], v_found) END;
    END LOOP;
    RETURN v_result;
END
$$;

CREATE FUNCTION cms.only_fields(p_fields jsonb, p_names text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}')
            FROM jsonb_each(p_fields) f WHERE f.key = ANY (p_names));

-- In the tenant of the statement: whatever is published and matches, the rank as the number that is shown, which can
-- be compared again. Of more than 10,000 matches some 10,000 are found. Takes the place of a
-- function that no release has called.
CREATE FUNCTION cms.published_matches(p_text text, p_type uuid) RETURNS TABLE (entry_id uuid, rank numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('cms.tenant', true), '')::uuid;
    v_query tsquery := cms.search_query(v_tenant, p_text);
BEGIN
    RETURN QUERY
        SELECT w.entry_id, ts_rank(w.words, v_query)::numeric FROM cms.published_words w
        WHERE w.words @@ v_query AND w.tenant_id = v_tenant AND w.content_type_id = p_type LIMIT 10000;
END
$$;
REVOKE ALL ON FUNCTION cms.published_matches(text, uuid) FROM PUBLIC;
DROP FUNCTION cms.search_published(text, text, integer);
