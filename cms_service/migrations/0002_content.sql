-- oldest-readable: 1

CREATE TABLE cms.content_types (
    tenant_id    uuid NOT NULL REFERENCES cms.tenants (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    display_name text NOT NULL CHECK (char_length(display_name) <= 200),
    fields       jsonb NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT content_types_name UNIQUE (tenant_id, name)
);

-- What editors work on.
CREATE TABLE cms.entries (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    content_type_id uuid NOT NULL,
    slug            text CHECK (char_length(slug) <= 200),
    fields          jsonb NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, content_type_id) REFERENCES cms.content_types (tenant_id, id),
    FOREIGN KEY (tenant_id, created_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (created_by),
    FOREIGN KEY (tenant_id, updated_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (updated_by),
    CONSTRAINT entries_slug UNIQUE (tenant_id, content_type_id, slug)
);

CREATE INDEX entries_newest ON cms.entries (tenant_id, content_type_id, created_at DESC, id DESC);

-- What the world may see: delivery reads no other table, so that a draft cannot slip out.
CREATE TABLE cms.published_entries (
    tenant_id       uuid NOT NULL,
    entry_id        uuid NOT NULL,
    content_type_id uuid NOT NULL,
    slug            text,
    fields          jsonb NOT NULL,
    version         integer NOT NULL,
    published_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, content_type_id) REFERENCES cms.content_types (tenant_id, id),
    CONSTRAINT published_entries_slug UNIQUE (tenant_id, content_type_id, slug)
);

CREATE INDEX published_entries_newest
    ON cms.published_entries (tenant_id, content_type_id, published_at DESC, entry_id DESC);

ALTER TABLE cms.content_types ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.content_types FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.entries FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.published_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.published_entries FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.content_types
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.entries
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.published_entries
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- The server's time zone must not change the bytes of an answer.
CREATE FUNCTION cms.iso_time(p_time timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

CREATE FUNCTION cms.published_json(p_entry cms.published_entries, p_type text) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object(
        'id', p_entry.entry_id, 'type', p_type, 'slug', p_entry.slug, 'version', p_entry.version,
        'publishedAt', cms.iso_time(p_entry.published_at), 'fields', p_entry.fields);

-- Delivery's two queries are functions of their own, for their plans to be kept: they are the hot path.
-- One row with the entry's JSON, or none.
CREATE FUNCTION cms.delivery_entry(p_tenant uuid, p_type text, p_id uuid, p_slug text) RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    IF p_id IS NOT NULL THEN
        RETURN QUERY
            SELECT cms.published_json(p, p_type)::text
            FROM cms.content_types t
            JOIN cms.published_entries p ON p.tenant_id = t.tenant_id AND p.content_type_id = t.id
            WHERE t.tenant_id = p_tenant AND t.name = p_type AND p.entry_id = p_id;
    ELSE
        RETURN QUERY
            SELECT cms.published_json(p, p_type)::text
            FROM cms.content_types t
            JOIN cms.published_entries p ON p.tenant_id = t.tenant_id AND p.content_type_id = t.id
            WHERE t.tenant_id = p_tenant AND t.name = p_type AND p.slug = p_slug;
    END IF;
END
$$;

-- One row for an existing type, none otherwise. next_at and next_id continue the list where there is more.
CREATE FUNCTION cms.delivery_list(
    p_tenant uuid, p_type text, p_limit integer, p_before_at timestamptz, p_before_id uuid
) RETURNS TABLE (items text, next_at timestamptz, next_id uuid)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    RETURN QUERY
        WITH page AS (
            SELECT p.*, row_number() OVER (ORDER BY p.published_at DESC, p.entry_id DESC) AS position
            FROM cms.published_entries p
            WHERE p.tenant_id = p_tenant
              AND p.content_type_id = (
                  SELECT t.id FROM cms.content_types t WHERE t.tenant_id = p_tenant AND t.name = p_type)
              AND (p.published_at, p.entry_id) < (coalesce(p_before_at, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            ORDER BY p.published_at DESC, p.entry_id DESC
            LIMIT p_limit + 1
        ), last AS (
            SELECT page.published_at, page.entry_id FROM page
            WHERE page.position = p_limit AND EXISTS (SELECT FROM page WHERE position > p_limit)
        )
        SELECT
            (SELECT coalesce(json_agg(cms.published_json(
                ROW(page.tenant_id, page.entry_id, page.content_type_id, page.slug, page.fields, page.version,
                    page.published_at)::cms.published_entries, p_type) ORDER BY page.position), '[]')::text
             FROM page WHERE page.position <= p_limit),
            (SELECT last.published_at FROM last),
            (SELECT last.entry_id FROM last)
        FROM cms.content_types t WHERE t.tenant_id = p_tenant AND t.name = p_type;
END
$$;
