-- oldest-readable: 1
-- A session is good while it carries the generation that its user has: one update ends all of them, on every
-- pod, whatever Redis holds. Sessions begun by a release that knows nothing of it have the generation 0.
ALTER TABLE cms.users ADD COLUMN sessions_generation bigint NOT NULL DEFAULT 0;

CREATE FUNCTION cms.end_sessions() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.sessions_generation := cms.next_generation(OLD.sessions_generation);
    RETURN NEW;
END
$$;

-- Here, and not in a statement of the service: a pod of an older release changes passwords too.
CREATE TRIGGER users_password_changed BEFORE UPDATE OF password_hash ON cms.users
    FOR EACH ROW WHEN (OLD.password_hash IS DISTINCT FROM NEW.password_hash)
    EXECUTE FUNCTION cms.end_sessions();
