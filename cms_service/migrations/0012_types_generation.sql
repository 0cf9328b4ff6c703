-- oldest-readable: 1

-- Changes with every content type and with the locales, and not with what is published; what pods remember of types
-- carries it in its key. Whoever raises it raises the generation in the same transaction.
ALTER TABLE cms.tenants ADD COLUMN types_generation bigint NOT NULL DEFAULT cms.next_generation(0);

CREATE FUNCTION cms.tenants_by_name(p_names text[])
    RETURNS TABLE (
        id uuid, name text, delivery_access text, generation bigint, access_generation bigint, types_generation bigint)
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
    PERFORM set_config('cms.tenant_names', array_to_string(p_names, ','), true);
    RETURN QUERY
        SELECT t.id, t.name, t.delivery_access, t.generation, t.access_generation, t.types_generation
        FROM cms.tenants t WHERE t.name = ANY (p_names);
END
$$;

CREATE FUNCTION cms.note_types_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    UPDATE cms.tenants SET types_generation = cms.next_generation(types_generation)
        WHERE id IN (SELECT c.tenant_id FROM changed c);
    RETURN NULL;
END
$$;

-- By triggers, for older releases change types as well. They come last: the statements that change types write the
-- tenant's row too, and no row may be written twice by one of them.
CREATE TRIGGER types_added AFTER INSERT ON cms.content_types REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cms.note_types_change();
CREATE TRIGGER types_changed AFTER UPDATE ON cms.content_types REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cms.note_types_change();
CREATE TRIGGER types_taken AFTER DELETE ON cms.content_types REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cms.note_types_change();

CREATE FUNCTION cms.note_locales_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    UPDATE cms.tenants SET types_generation = cms.next_generation(types_generation) WHERE id = NEW.id;
    RETURN NULL;
END
$$;

-- A second update, of what hardly ever changes: a trigger before the first would lock the row once more for each
-- publication.
CREATE TRIGGER locales_changed AFTER UPDATE OF locales ON cms.tenants
    FOR EACH ROW WHEN (OLD.locales IS DISTINCT FROM NEW.locales) EXECUTE FUNCTION cms.note_locales_change();
