-- oldest-readable: 1

-- What each save of an entry left. An entry that is older than this table has its state kept with its next write.
-- No reference to the entry: its versions go to the bin with it.
CREATE TABLE cms.entry_versions (
    tenant_id       uuid NOT NULL,
    entry_id        uuid NOT NULL,
    version         integer NOT NULL,
    content_type_id uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('created', 'saved', 'restored', 'undeleted')),
    restored_from   integer,
    slug            text,
    fields          jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    published_at    timestamptz,
    published_by    uuid,
    PRIMARY KEY (tenant_id, entry_id, version),
    FOREIGN KEY (tenant_id, content_type_id) REFERENCES cms.content_types (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, created_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (created_by),
    FOREIGN KEY (tenant_id, published_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (published_by)
);

-- The bin is a table of its own: whoever reads entries need not know of it, and a slug is free again.
CREATE TABLE cms.binned_entries (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    content_type_id uuid NOT NULL,
    slug            text,
    fields          jsonb NOT NULL,
    version         integer NOT NULL,
    created_at      timestamptz NOT NULL,
    created_by      uuid,
    updated_at      timestamptz NOT NULL,
    updated_by      uuid,
    deleted_at      timestamptz NOT NULL DEFAULT now(),
    deleted_by      uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, content_type_id) REFERENCES cms.content_types (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, created_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (created_by),
    FOREIGN KEY (tenant_id, updated_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (updated_by),
    FOREIGN KEY (tenant_id, deleted_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (deleted_by)
);

CREATE INDEX binned_entries_newest ON cms.binned_entries (tenant_id, content_type_id, deleted_at DESC, id DESC);
CREATE INDEX binned_entries_oldest ON cms.binned_entries (deleted_at);

-- A release that does not know the bin deletes for good: no version outlives its entry.
CREATE FUNCTION cms.forget_versions() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    DELETE FROM cms.entry_versions v
    WHERE v.tenant_id = OLD.tenant_id AND v.entry_id = OLD.id AND NOT EXISTS (
        SELECT FROM cms.binned_entries b WHERE b.tenant_id = OLD.tenant_id AND b.id = OLD.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_versions AFTER DELETE ON cms.entries
    FOR EACH ROW EXECUTE FUNCTION cms.forget_versions();

-- What is still to be done, and what could not be done with its reason. Whatever is done is deleted.
-- It is done with the rights that the planner has by then; one who is gone has none, hence no reference.
CREATE TABLE cms.entry_schedules (
    tenant_id    uuid NOT NULL,
    entry_id     uuid NOT NULL,
    action       text NOT NULL CHECK (action IN ('publish', 'unpublish')),
    due_at       timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   uuid,
    planner_id   uuid NOT NULL,
    planner_kind text NOT NULL CHECK (planner_kind IN ('user', 'api-key')),
    failed_at    timestamptz,
    failure      text CHECK (char_length(failure) <= 1000),
    PRIMARY KEY (tenant_id, entry_id, action),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, created_by) REFERENCES cms.users (tenant_id, id) ON DELETE SET NULL (created_by)
);

CREATE INDEX entry_schedules_due ON cms.entry_schedules (due_at) WHERE failed_at IS NULL;

-- Outlives whoever and whatever it names, hence no references.
CREATE TABLE cms.audit_log (
    tenant_id   uuid NOT NULL REFERENCES cms.tenants (id),
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    at          timestamptz NOT NULL DEFAULT now(),
    actor_id    uuid,
    actor_kind  text CHECK (actor_kind IN ('user', 'api-key')),
    action      text NOT NULL,
    object_kind text NOT NULL,
    object_id   uuid NOT NULL,
    details     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX audit_log_newest ON cms.audit_log (tenant_id, at DESC, id DESC);
CREATE INDEX audit_log_object ON cms.audit_log (tenant_id, object_id, at DESC, id DESC);
CREATE INDEX audit_log_oldest ON cms.audit_log (at);

ALTER TABLE cms.entry_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.entry_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.binned_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.binned_entries FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.entry_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.entry_schedules FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.audit_log FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.entry_versions
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.binned_entries
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.entry_schedules
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.audit_log
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Work that is due is looked for in all tenants at once. Three functions of the owner do that; the policies
-- are for the owner alone, and only within these functions. The first two hand out names of rows, no content:
-- the work itself is done in one tenant, by whoever may do it there.
CREATE POLICY due_work ON cms.entry_schedules FOR SELECT TO CURRENT_USER
    USING ((SELECT current_setting('cms.due_work', true)) = 'on');
CREATE POLICY due_work ON cms.binned_entries FOR SELECT TO CURRENT_USER
    USING ((SELECT current_setting('cms.due_work', true)) = 'on');
CREATE POLICY due_work ON cms.audit_log TO CURRENT_USER
    USING ((SELECT current_setting('cms.due_work', true)) = 'on');

CREATE FUNCTION cms.due_schedules(p_limit integer)
    RETURNS TABLE (tenant_id uuid, entry_id uuid, action text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('cms.due_work', 'on', true);
    RETURN QUERY
        SELECT s.tenant_id, s.entry_id, s.action FROM cms.entry_schedules s
        WHERE s.failed_at IS NULL AND s.due_at <= now()
        ORDER BY s.due_at LIMIT least(p_limit, 1000);
    PERFORM set_config('cms.due_work', '', true);
END
$$;

CREATE FUNCTION cms.due_bin(p_days integer, p_limit integer) RETURNS TABLE (tenant_id uuid, entry_id uuid)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('cms.due_work', 'on', true);
    RETURN QUERY
        SELECT b.tenant_id, b.id FROM cms.binned_entries b
        WHERE b.deleted_at < now() - make_interval(days => greatest(p_days, 1))
        ORDER BY b.deleted_at LIMIT least(p_limit, 1000);
    PERFORM set_config('cms.due_work', '', true);
END
$$;

-- The service may not delete from the log; what it can have deleted here is old, whatever it asks for.
CREATE FUNCTION cms.purge_audit_log(p_days integer, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_gone bigint;
BEGIN
    PERFORM set_config('cms.due_work', 'on', true);
    WITH old AS (
        SELECT a.tenant_id, a.id FROM cms.audit_log a
        WHERE a.at < now() - make_interval(days => greatest(p_days, 30))
        ORDER BY a.at LIMIT least(p_limit, 1000) FOR UPDATE SKIP LOCKED)
    DELETE FROM cms.audit_log a USING old WHERE a.tenant_id = old.tenant_id AND a.id = old.id;
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    PERFORM set_config('cms.due_work', '', true);
    RETURN v_gone;
END
$$;

REVOKE ALL ON FUNCTION cms.due_schedules(integer), cms.due_bin(integer, integer),
    cms.purge_audit_log(integer, integer) FROM PUBLIC;

-- What is kept of the past counts as well: the versions, and what is in the bin.
CREATE OR REPLACE FUNCTION cms.measured_usage(p_tenant uuid) RETURNS TABLE (what text, used bigint)
    LANGUAGE sql STABLE SECURITY INVOKER
BEGIN ATOMIC
    SELECT 'contentTypes', count(*) FROM cms.content_types WHERE tenant_id = p_tenant
    UNION ALL SELECT 'entries', count(*) FROM cms.entries WHERE tenant_id = p_tenant
    UNION ALL SELECT 'users', count(*) FROM cms.users WHERE tenant_id = p_tenant
    UNION ALL SELECT 'roles', count(*) FROM cms.roles WHERE tenant_id = p_tenant
    UNION ALL SELECT 'apiKeys', count(*) FROM cms.api_keys WHERE tenant_id = p_tenant
    UNION ALL SELECT 'hosts', count(*) FROM cms.tenant_hosts WHERE tenant_id = p_tenant
    UNION ALL SELECT 'bytes', coalesce(sum(octet_length(content.fields::text)), 0)::bigint
        FROM (SELECT fields FROM cms.entries WHERE tenant_id = p_tenant
              UNION ALL SELECT fields FROM cms.published_entries WHERE tenant_id = p_tenant
              UNION ALL SELECT fields FROM cms.entry_versions WHERE tenant_id = p_tenant
              UNION ALL SELECT fields FROM cms.binned_entries WHERE tenant_id = p_tenant) AS content;
END;

-- Who is at a limit can still delete: what goes into the bin is counted and never refused.
CREATE FUNCTION cms.count_binned_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE cms.tenant_usage u SET used = u.used + b.bytes
    FROM (SELECT n.tenant_id, sum(octet_length(n.fields::text))::bigint AS bytes FROM new_rows n GROUP BY n.tenant_id) b
    WHERE u.tenant_id = b.tenant_id AND u.what = 'bytes';
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION cms.count_binned_bytes() FROM PUBLIC;

CREATE TRIGGER usage_begins BEFORE INSERT OR UPDATE OR DELETE ON cms.entry_versions
    FOR EACH STATEMENT EXECUTE FUNCTION cms.begin_counting();
CREATE TRIGGER bytes_added AFTER INSERT ON cms.entry_versions REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes();
CREATE TRIGGER bytes_changed AFTER UPDATE ON cms.entry_versions REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes();
CREATE TRIGGER bytes_taken AFTER DELETE ON cms.entry_versions REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes();
CREATE TRIGGER usage_begins BEFORE INSERT OR UPDATE OR DELETE ON cms.binned_entries
    FOR EACH STATEMENT EXECUTE FUNCTION cms.begin_counting();
CREATE TRIGGER bytes_added AFTER INSERT ON cms.binned_entries REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_binned_bytes();
CREATE TRIGGER bytes_changed AFTER UPDATE ON cms.binned_entries REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes();
CREATE TRIGGER bytes_taken AFTER DELETE ON cms.binned_entries REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cms.count_bytes();

-- The management list, by what an editor looks for.
CREATE INDEX entries_updated ON cms.entries (tenant_id, content_type_id, updated_at DESC, id DESC);
CREATE INDEX entries_by_slug ON cms.entries (tenant_id, content_type_id, (coalesce(slug, '') COLLATE "C"), id);

-- Words are compared in the tenant's language; whole words are found in any.
ALTER TABLE cms.tenants ADD COLUMN search_language text NOT NULL DEFAULT 'simple' CHECK (search_language IN (
    'simple', 'arabic', 'armenian', 'basque', 'catalan', 'danish', 'dutch', 'english', 'finnish', 'french', 'german',
    'greek', 'hindi', 'hungarian', 'indonesian', 'irish', 'italian', 'lithuanian', 'nepali', 'norwegian', 'portuguese',
    'romanian', 'russian', 'serbian', 'spanish', 'swedish', 'tamil', 'turkish', 'yiddish'));

-- The words of drafts and of what is published, beside the entries: delivery's own rows stay as they are.
CREATE TABLE cms.entry_words (
    tenant_id       uuid NOT NULL,
    entry_id        uuid NOT NULL,
    content_type_id uuid NOT NULL,
    words           tsvector NOT NULL,
    PRIMARY KEY (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.entries (tenant_id, id) ON DELETE CASCADE
);
CREATE TABLE cms.published_words (
    tenant_id       uuid NOT NULL,
    entry_id        uuid NOT NULL,
    content_type_id uuid NOT NULL,
    words           tsvector NOT NULL,
    PRIMARY KEY (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES cms.published_entries (tenant_id, entry_id) ON DELETE CASCADE
);
-- The tenant is one of the words: the index need not look at those of others.
CREATE INDEX entry_words_words ON cms.entry_words USING gin (words);
CREATE INDEX published_words_words ON cms.published_words USING gin (words);

ALTER TABLE cms.entry_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.entry_words FORCE ROW LEVEL SECURITY;
ALTER TABLE cms.published_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE cms.published_words FORCE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON cms.entry_words
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));
CREATE POLICY own_tenant ON cms.published_words
    USING (tenant_id = (SELECT nullif(current_setting('cms.tenant', true), '')::uuid));

-- Under row-level security an index is not asked with an operator that might leak, and @@ counts as one. So the
-- owner searches, in the functions below, which put in the tenant of the statement and answer with identifiers.
CREATE POLICY search ON cms.entry_words FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY search ON cms.published_words FOR SELECT TO CURRENT_USER USING (true);

-- All texts of the fields, as many as are sure to fit into a tsvector.
CREATE FUNCTION cms.words_of(p_tenant uuid, p_fields jsonb) RETURNS tsvector
    LANGUAGE plpgsql STABLE SECURITY INVOKER AS $$
DECLARE
    v_language text;
    v_text text;
    v_words tsvector;
BEGIN
    SELECT t.search_language INTO v_language FROM cms.tenants t WHERE t.id = p_tenant;
    SELECT left(string_agg(texts.value #>> '{}', ' '), 60000) INTO v_text
        FROM jsonb_path_query(p_fields, 'strict $.** ? (@.type() == "string")') AS texts(value);
    v_words := to_tsvector('pg_catalog.simple', coalesce(v_text, ''));
    IF v_language <> 'simple' THEN
        v_words := v_words || to_tsvector(('pg_catalog.' || v_language)::regconfig, coalesce(v_text, ''));
    END IF;
    RETURN v_words || array_to_tsvector(ARRAY['tenant:' || p_tenant]);
END
$$;

CREATE FUNCTION cms.keep_entry_words() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO cms.entry_words (tenant_id, entry_id, content_type_id, words)
        VALUES (NEW.tenant_id, NEW.id, NEW.content_type_id, cms.words_of(NEW.tenant_id, NEW.fields))
        ON CONFLICT (tenant_id, entry_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END
$$;
CREATE FUNCTION cms.keep_published_words() RETURNS trigger
    LANGUAGE plpgsql SECURITY INVOKER AS $$
BEGIN
    INSERT INTO cms.published_words (tenant_id, entry_id, content_type_id, words)
        VALUES (NEW.tenant_id, NEW.entry_id, NEW.content_type_id, cms.words_of(NEW.tenant_id, NEW.fields))
        ON CONFLICT (tenant_id, entry_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_words AFTER INSERT OR UPDATE OF fields ON cms.entries
    FOR EACH ROW EXECUTE FUNCTION cms.keep_entry_words();
CREATE TRIGGER keep_words AFTER INSERT OR UPDATE OF fields ON cms.published_entries
    FOR EACH ROW EXECUTE FUNCTION cms.keep_published_words();

CREATE FUNCTION cms.search_query(p_tenant uuid, p_text text) RETURNS tsquery
    LANGUAGE plpgsql STABLE SECURITY INVOKER AS $$
DECLARE
    v_language text;
    v_query tsquery := websearch_to_tsquery('pg_catalog.simple', p_text);
BEGIN
    SELECT t.search_language INTO v_language FROM cms.tenants t WHERE t.id = p_tenant;
    IF v_language <> 'simple' THEN
        v_query := v_query || websearch_to_tsquery(('pg_catalog.' || v_language)::regconfig, p_text);
    END IF;
    RETURN CASE WHEN numnode(v_query) > 0 THEN v_query && quote_literal('tenant:' || p_tenant)::tsquery END;
END
$$;

-- In the tenant of the statement: in all entries of p_types (NULL: of every type), and in those of p_own_types that
-- p_author has made. Of more than 10,000 matches some 10,000 are ranked.
CREATE FUNCTION cms.search_entries(p_text text, p_types uuid[], p_own_types uuid[], p_author uuid, p_limit integer)
    RETURNS TABLE (entry_id uuid, rank real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('cms.tenant', true), '')::uuid;
    v_query tsquery := cms.search_query(v_tenant, p_text);
BEGIN
    RETURN QUERY
        SELECT w.entry_id, ts_rank(w.words, v_query)
        FROM (SELECT d.entry_id, d.words FROM cms.entry_words d
              WHERE d.words @@ v_query AND d.tenant_id = v_tenant
                AND (p_types IS NULL OR d.content_type_id = ANY (p_types)
                     OR d.content_type_id = ANY (p_own_types) AND EXISTS (
                         SELECT FROM cms.entries e WHERE e.tenant_id = v_tenant AND e.id = d.entry_id
                                                     AND e.created_by = p_author))
              LIMIT 10000) w
        ORDER BY 2 DESC, 1 DESC LIMIT least(p_limit, 100);
END
$$;
CREATE FUNCTION cms.search_published(p_text text, p_type text, p_limit integer)
    RETURNS TABLE (entry_id uuid, rank real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('cms.tenant', true), '')::uuid;
    v_query tsquery := cms.search_query(v_tenant, p_text);
BEGIN
    RETURN QUERY
        SELECT w.entry_id, ts_rank(w.words, v_query)
        FROM (SELECT d.entry_id, d.words FROM cms.published_words d
              WHERE d.words @@ v_query AND d.tenant_id = v_tenant AND (p_type IS NULL OR d.content_type_id = (
                  SELECT t.id FROM cms.content_types t WHERE t.tenant_id = v_tenant AND t.name = p_type))
              LIMIT 10000) w
        ORDER BY 2 DESC, 1 DESC LIMIT least(p_limit, 100);
END
$$;
REVOKE ALL ON FUNCTION cms.search_entries(text, uuid[], uuid[], uuid, integer),
    cms.search_published(text, text, integer) FROM PUBLIC;
