-- oldest-readable: 1

-- By its name, since when a field has been the one of that name: what was saved before under it may be another field's.
-- A name that is not here has been its field's since the type was last changed. By a trigger, for older releases change
-- types as well. The clock and not the transaction's time: what is saved after this has waited for it.
ALTER TABLE cms.content_types ADD COLUMN fields_since jsonb NOT NULL DEFAULT '{}';

CREATE FUNCTION cms.note_fields_since() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.fields_since := (
        SELECT coalesce(jsonb_object_agg(n.name, CASE
                   WHEN o.name IS NULL THEN to_jsonb(clock_timestamp())
                   ELSE coalesce(OLD.fields_since->n.name, to_jsonb(OLD.updated_at)) END), '{}')
        FROM jsonb_to_recordset(NEW.fields) AS n(name text)
        LEFT JOIN jsonb_to_recordset(OLD.fields) AS o(name text) ON o.name = n.name);
    RETURN NEW;
END
$$;

CREATE TRIGGER fields_since BEFORE UPDATE OF fields ON cms.content_types
    FOR EACH ROW EXECUTE FUNCTION cms.note_fields_since();
