-- oldest-readable: 1

-- The languages of a tenant; values of localised fields are checked against them.
ALTER TABLE cms.tenants
    ADD COLUMN locales jsonb NOT NULL DEFAULT '{"default": "en", "locales": [{"code": "en"}]}';

-- The values of unique fields, by a digest: values may be longer than an index takes. The locale is '' for a
-- field that is not localised. What is published has a table of its own, for a draft may be ahead of it.
CREATE TABLE cms.unique_values (
    tenant_id       uuid NOT NULL,
    content_type_id uuid NOT NULL,
    field           text NOT NULL,
    locale          text NOT NULL,
    digest          text NOT NULL,
    entry_id        uuid NOT NULL,
    PRIMARY KEY (tenant_id, content_type_id, field, locale, digest),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX unique_values_entry ON cms.unique_values (tenant_id, entry_id);

CREATE TABLE cms.published_unique_values (
    tenant_id       uuid NOT NULL,
    content_type_id uuid NOT NULL,
    field           text NOT NULL,
    locale          text NOT NULL,
    digest          text NOT NULL,
    entry_id        uuid NOT NULL,
    PRIMARY KEY (tenant_id, content_type_id, field, locale, digest),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.published_entries (tenant_id, entry_id) ON DELETE CASCADE
);
CREATE INDEX published_unique_values_entry ON cms.published_unique_values (tenant_id, entry_id);

-- Which entry refers to which. A field inside components is named by its path, names joined by dots, and its
-- references are counted through the whole entry.
CREATE TABLE cms.entry_references (
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    field     text NOT NULL,
    position  integer NOT NULL,
    target_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, source_id, field, position),
    FOREIGN KEY (tenant_id, source_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT entry_references_target
        FOREIGN KEY (tenant_id, target_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX entry_references_target ON cms.entry_references (tenant_id, target_id);

CREATE TABLE cms.published_references (
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    field     text NOT NULL,
    position  integer NOT NULL,
    target_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, source_id, field, position),
    FOREIGN KEY (tenant_id, source_id) REFERENCES cms.published_entries (tenant_id, entry_id) ON DELETE CASCADE,
    CONSTRAINT published_references_target
        FOREIGN KEY (tenant_id, target_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX published_references_target ON cms.published_references (tenant_id, target_id);

ALTER TABLE cms.unique_values ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.unique_values FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.published_unique_values ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.published_unique_values FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.entry_references ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.entry_references FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.published_references ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.published_references FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.unique_values
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.published_unique_values
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.entry_references
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.published_references
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Writes down what an entry's draft claims and refers to. An insert waits for another writer of the same value,
-- so that of two at once one is refused. With row-level security PostgreSQL itself would not say by which field.
-- A new entry that claims nothing and refers to nothing, as most do, costs no statement.
CREATE FUNCTION cms.link_entry(
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
            FROM jsonb_array_elements(p_references) WITH ORDINALITY AS r(reference, ordinal)
            WHERE NOT EXISTS (
                SELECT FROM cms.entries e
                JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
                WHERE e.tenant_id = p_tenant AND e.id = (r.reference->>'target')::uuid
                  AND r.reference->'types' ? t.name);
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

-- What the draft claims and refers to is so in public from now on. It is looked at once more: what the draft
-- refers to may have gone.
CREATE FUNCTION cms.publish_links(p_tenant uuid, p_type uuid, p_entry uuid, p_unique jsonb, p_references jsonb)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_taken text;
BEGIN
    PERFORM cms.link_entry(p_tenant, p_type, p_entry, false, p_unique, p_references);
    DELETE FROM cms.published_unique_values WHERE tenant_id = p_tenant AND entry_id = p_entry;
    INSERT INTO cms.published_unique_values (tenant_id, content_type_id, field, locale, digest, entry_id)
        SELECT v.tenant_id, v.content_type_id, v.field, v.locale, v.digest, v.entry_id
        FROM cms.unique_values v WHERE v.tenant_id = p_tenant AND v.entry_id = p_entry
        ORDER BY v.field, v.locale, v.digest
        ON CONFLICT DO NOTHING;
    SELECT v.field INTO v_taken FROM cms.unique_values v
        WHERE v.tenant_id = p_tenant AND v.entry_id = p_entry AND NOT EXISTS (
            SELECT FROM cms.published_unique_values w
            WHERE w.tenant_id = p_tenant AND w.content_type_id = p_type AND w.field = v.field
              AND w.locale = v.locale AND w.digest = v.digest AND w.entry_id = p_entry)
        ORDER BY v.field LIMIT 1;
    IF v_taken IS NOT NULL THEN
        RAISE EXCEPTION 'a value is taken'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'published_unique_values_pkey', COLUMN = v_taken;
    END IF;
    DELETE FROM cms.published_references WHERE tenant_id = p_tenant AND source_id = p_entry;
    INSERT INTO cms.published_references (tenant_id, source_id, field, position, target_id)
        SELECT r.tenant_id, r.source_id, r.field, r.position, r.target_id
        FROM cms.entry_references r WHERE r.tenant_id = p_tenant AND r.source_id = p_entry
        ORDER BY r.target_id;
    RETURN true;
END
$$;
