-- oldest-readable: 1

-- A tenant that is being removed. Whoever looks it up by its name finds nobody, releases from before too; the name and
-- its hosts stay taken until the row is gone.
ALTER TABLE cms.tenants ADD COLUMN closed_at timestamptz;
ALTER POLICY looked_up_by_name ON cms.tenants
    USING (closed_at IS NULL
           AND name = ANY ((SELECT string_to_array(current_setting('cms.tenant_names', true), ','))::text[]));

-- Who removes it may have been stopped half-way, and finds it again.
CREATE POLICY removed_by_name ON cms.tenants FOR SELECT TO CURRENT_USER
    USING (name = (SELECT nullif(current_setting('cms.removed_tenant', true), '')));
