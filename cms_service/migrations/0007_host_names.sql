-- oldest-readable: 1

ALTER TABLE cms.tenants ADD CONSTRAINT tenants_id_name UNIQUE (id, name);

-- The host names by which a tenant is reached; each belongs to one tenant of the deployment.
CREATE TABLE cms.tenant_hosts (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    host        text NOT NULL CHECK (char_length(host) <= 253 AND host ~ '^[a-z0-9.-]+$'),
    tenant_name text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, tenant_name) REFERENCES cms.tenants (id, name) ON UPDATE CASCADE,
    CONSTRAINT tenant_hosts_host UNIQUE (host)
);

CREATE INDEX tenant_hosts_newest ON cms.tenant_hosts (tenant_id, created_at DESC, id DESC);

ALTER TABLE cms.tenant_hosts ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.tenant_hosts FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.tenant_hosts
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- A host that is asked for by name can be seen, a list of hosts cannot.
CREATE POLICY looked_up_by_host ON cms.tenant_hosts FOR SELECT
    USING (host = (SELECT nullif(current_setting('cms.host', true), '')));

CREATE FUNCTION cms.tenant_of_host(p_host text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.host', p_host, true);
    RETURN (SELECT h.tenant_name FROM cms.tenant_hosts h WHERE h.host = p_host);
END
$$;
