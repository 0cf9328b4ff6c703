-- oldest-readable: 1
-- Who is shut out for a stolen session and let in again has none of the sessions from before. By a trigger, for older
-- releases shut users out as well.
CREATE TRIGGER users_deactivated BEFORE UPDATE OF deactivated_at ON cms.users
    FOR EACH ROW WHEN (OLD.deactivated_at IS NULL AND NEW.deactivated_at IS NOT NULL)
    EXECUTE FUNCTION cms.end_sessions();
