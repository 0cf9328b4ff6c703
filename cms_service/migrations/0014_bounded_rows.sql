-- oldest-readable: 1

-- As cms.tenant_query, for a statement whose rows may be large: as many of the first as make p_bytes, and always one. The
-- row `true` after them says that there are more. What is left out is never put together, and a row's size in memory
-- costs nothing to know, in which it differs from that of its text.
CREATE FUNCTION cms.tenant_rows(p_tenant uuid, p_statement text, p_args jsonb, p_bytes integer) RETURNS SETOF jsonb
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
DECLARE
    v_row jsonb;
    v_bytes bigint := 0;
BEGIN
    PERFORM set_config('cms.tenant', p_tenant::text, true);
    FOR v_row IN EXECUTE p_statement USING p_args LOOP
        IF v_bytes >= p_bytes THEN
            RETURN NEXT 'true'::jsonb;
            RETURN;
        END IF;
        v_bytes := v_bytes + pg_column_size(v_row);
        RETURN NEXT v_row;
    END LOOP;
END
$$;
