-- oldest-readable: 1
-- Every table is bound to the tenant in the setting cms.tenant. FORCE makes that true for the owner too.
-- The setting is read in a sub-select, so that it is read once per statement and not once per row.

-- Grows with every change, and by the clock: after a restore from a backup, or in a copy of the database,
-- it takes no value for a second time, so that a cache filled before cannot be mistaken for a true one.
CREATE FUNCTION cms.next_generation(p_current bigint) RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN greatest(p_current + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

CREATE TABLE cms.tenants (
    id              uuid PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    display_name    text NOT NULL CHECK (char_length(display_name) <= 200),
    delivery_access text NOT NULL DEFAULT 'private' CHECK (delivery_access IN ('private', 'public')),
    -- Changes with whatever delivery may show; caches carry it in their keys.
    generation      bigint NOT NULL DEFAULT cms.next_generation(0),
    created_at      timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE cms.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.tenants FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.tenants
    USING (id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- A request knows its tenant's name only: a name that is asked for by name can be seen, a list of names cannot.
CREATE POLICY looked_up_by_name ON cms.tenants FOR SELECT
    USING (name = ANY ((SELECT string_to_array(current_setting('cms.tenant_names', true), ','))::text[]));

CREATE TABLE cms.users (
    tenant_id     uuid NOT NULL REFERENCES cms.tenants (id),
    id            uuid NOT NULL,
    email         text NOT NULL CHECK (char_length(email) <= 254),
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX users_email ON cms.users (tenant_id, lower(email));
CREATE INDEX users_newest ON cms.users (tenant_id, created_at DESC, id DESC);

ALTER TABLE cms.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.users FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.users
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Sets the tenant for one statement and runs it: one round trip instead of four (BEGIN, SET, query, COMMIT).
-- The statement's text comes from the service's repositories, its values only through p_args.
CREATE FUNCTION cms.tenant_query(p_tenant uuid, p_statement text, p_args jsonb) RETURNS SETOF jsonb
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    RETURN QUERY EXECUTE p_statement USING p_args;
END
$$;

CREATE FUNCTION cms.tenant_directory(p_names text[])
    RETURNS TABLE (id uuid, name text, delivery_access text, generation bigint)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant_names', array_to_string(p_names, ','), true);
    RETURN QUERY
        SELECT t.id, t.name, t.delivery_access, t.generation FROM cms.tenants t WHERE t.name = ANY (p_names);
END
$$;
