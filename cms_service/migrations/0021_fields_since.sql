-- oldest-readable: 1

-- By its name, since when a field has been the one of that name, and since when it has had a value for each locale, or has
-- had none: what was saved before may be another field's, or in a locale that nobody can tell. A name that is not here has
-- been its field's since the type was last changed.
ALTER TABLE cms.content_types ADD COLUMN fields_since jsonb NOT NULL DEFAULT '{}';

-- Inside of a component it does not matter where: who reads the component has to read every locale.
CREATE FUNCTION cms.locales_of_field(p_field jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN p_field->>'localised' = 'true' THEN 'its own'
        WHEN jsonb_path_exists(p_field->'fields', '$.**.localised ? (@ == true)') THEN 'inside'
        ELSE 'none' END
$$;

-- By a trigger, for older releases change types as well. The clock and not the transaction's time: what is saved after
-- this has waited for it.
CREATE FUNCTION cms.note_fields_since() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now jsonb := to_jsonb(clock_timestamp());
    v_known jsonb := to_jsonb(OLD.updated_at);
BEGIN
    NEW.fields_since := (
        SELECT coalesce(jsonb_object_agg(n.field->>'name', jsonb_build_object(
            'name', CASE
                WHEN o.field IS NULL THEN v_now
                ELSE coalesce(OLD.fields_since->(n.field->>'name')->'name', v_known) END,
            'locales', CASE
                WHEN o.field IS NULL OR cms.locales_of_field(n.field) <> cms.locales_of_field(o.field) THEN v_now
                ELSE coalesce(OLD.fields_since->(n.field->>'name')->'locales', v_known) END)), '{}')
        FROM jsonb_array_elements(NEW.fields) AS n(field)
        LEFT JOIN jsonb_array_elements(OLD.fields) AS o(field) ON o.field->>'name' = n.field->>'name');
    RETURN NEW;
END
$$;

CREATE TRIGGER fields_since BEFORE UPDATE OF fields ON cms.content_types
    FOR EACH ROW EXECUTE FUNCTION cms.note_fields_since();
