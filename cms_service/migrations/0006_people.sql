-- oldest-readable: 1

-- Changes with every user, role and key; what pods remember of them carries it in its key.
ALTER TABLE cms.tenants ADD COLUMN access_generation bigint NOT NULL DEFAULT cms.next_generation(0);

CREATE FUNCTION cms.tenant_states(p_names text[])
    RETURNS TABLE (id uuid, name text, delivery_access text, generation bigint, access_generation bigint)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant_names', array_to_string(p_names, ','), true);
    RETURN QUERY
        SELECT t.id, t.name, t.delivery_access, t.generation, t.access_generation
        FROM cms.tenants t WHERE t.name = ANY (p_names);
END
$$;

-- The tenant's own roles, beside the built-in ones.
CREATE TABLE cms.roles (
    tenant_id    uuid NOT NULL REFERENCES cms.tenants (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (
        name ~ '^[a-z][a-z0-9-]{0,62}$' AND name NOT IN ('owner', 'admin', 'editor', 'author', 'viewer')),
    display_name text NOT NULL CHECK (char_length(display_name) <= 200),
    rules        jsonb NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT roles_name UNIQUE (tenant_id, name)
);

ALTER TABLE cms.roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.roles FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.roles
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- role_name is the user's role (NULL: as in role), custom_role the same where it is one of the tenant's own.
-- role is for releases that know three roles only, and never holds one with more rights.
ALTER TABLE cms.users
    ADD COLUMN role_name text,
    ADD COLUMN custom_role text,
    ADD COLUMN deactivated_at timestamptz,
    ADD CONSTRAINT users_custom_role FOREIGN KEY (tenant_id, custom_role) REFERENCES cms.roles (tenant_id, name);

CREATE INDEX users_custom_role ON cms.users (tenant_id, custom_role) WHERE custom_role IS NOT NULL;

CREATE FUNCTION cms.keep_user_roles_together() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    IF NEW.role_name IS NULL
       OR TG_OP = 'UPDATE' AND NEW.role <> OLD.role AND NEW.role_name IS NOT DISTINCT FROM OLD.role_name THEN
        NEW.role_name := NEW.role;
    ELSE
        NEW.role := CASE WHEN NEW.role_name IN ('owner', 'editor', 'viewer') THEN NEW.role_name
                         WHEN NEW.role_name = 'admin' THEN 'editor'
                         ELSE 'viewer' END;
    END IF;
    NEW.custom_role := CASE WHEN NEW.role_name NOT IN ('owner', 'admin', 'editor', 'author', 'viewer')
                            THEN NEW.role_name END;
    RETURN NEW;
END
$$;

CREATE TRIGGER roles_together BEFORE INSERT OR UPDATE ON cms.users
    FOR EACH ROW EXECUTE FUNCTION cms.keep_user_roles_together();

CREATE FUNCTION cms.note_access_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    UPDATE cms.tenants SET access_generation = cms.next_generation(access_generation) WHERE id = OLD.tenant_id;
    RETURN NULL;
END
$$;

-- By triggers, for older releases change users as well.
CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF role, role_name, deactivated_at ON cms.users
    FOR EACH ROW EXECUTE FUNCTION cms.note_access_change();
CREATE TRIGGER access_changed AFTER DELETE OR UPDATE OF rules ON cms.roles
    FOR EACH ROW EXECUTE FUNCTION cms.note_access_change();

CREATE TABLE cms.api_keys (
    tenant_id    uuid NOT NULL REFERENCES cms.tenants (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (char_length(name) <= 100),
    secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    role_name    text,
    custom_role  text GENERATED ALWAYS AS (
        CASE WHEN role_name NOT IN ('owner', 'admin', 'editor', 'author', 'viewer') THEN role_name END) STORED,
    rules        jsonb CHECK ((rules IS NULL) = (role_name IS NOT NULL)),
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    expires_at   timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, custom_role) REFERENCES cms.roles (tenant_id, name),
    FOREIGN KEY (tenant_id, created_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (created_by)
);

CREATE INDEX api_keys_newest ON cms.api_keys (tenant_id, created_at DESC, id DESC);
CREATE INDEX api_keys_custom_role ON cms.api_keys (tenant_id, custom_role) WHERE custom_role IS NOT NULL;
CREATE INDEX api_keys_creator ON cms.api_keys (tenant_id, created_by);

ALTER TABLE cms.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.api_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.api_keys
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

CREATE TRIGGER access_changed AFTER DELETE ON cms.api_keys
    FOR EACH ROW EXECUTE FUNCTION cms.note_access_change();
