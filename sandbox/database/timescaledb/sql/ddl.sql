-- Copyright (c) 2026, Entasis Engine contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What TimescaleDB does when tables are dropped, renamed or given away: event triggers keep the catalog true.

CREATE FUNCTION _timescaledb_stand_in.forget_dropped() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    dropped record;
    chunk _timescaledb_stand_in.chunk;
    target _timescaledb_stand_in.hypertable;
    aggregate _timescaledb_catalog.continuous_agg;
BEGIN
    FOR dropped IN
        SELECT objid, schema_name, object_name, object_type FROM pg_event_trigger_dropped_objects()
        WHERE object_type IN ('table', 'view') AND NOT is_temporary
    LOOP
        DELETE FROM _timescaledb_stand_in.chunk c
        WHERE (c.schema_name, c.table_name) = (dropped.schema_name, dropped.object_name);
        SELECT * INTO target FROM _timescaledb_stand_in.hypertable h
        WHERE (h.schema_name, h.table_name) = (dropped.schema_name, dropped.object_name);
        IF FOUND THEN
            PERFORM _timescaledb_stand_in.forget_hypertable(target);
        END IF;
        SELECT * INTO aggregate FROM _timescaledb_catalog.continuous_agg a
        WHERE (a.user_view_schema, a.user_view_name) = (dropped.schema_name, dropped.object_name);
        IF FOUND THEN
            EXECUTE format('DROP VIEW IF EXISTS %I.%I', aggregate.direct_view_schema, aggregate.direct_view_name);
            EXECUTE format('DROP TABLE IF EXISTS %s', _timescaledb_stand_in.table_of(aggregate.mat_hypertable_id));
        END IF;
        DELETE FROM _timescaledb_stand_in.known_relation WHERE relation = dropped.objid;
    END LOOP;
END
$$;

CREATE FUNCTION _timescaledb_stand_in.forget_hypertable(target _timescaledb_stand_in.hypertable) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM _timescaledb_stand_in.remove_job(j.id) FROM @jobs@.bgw_job j WHERE j.hypertable_id = target.id;
    DELETE FROM _timescaledb_stand_in.chunk WHERE hypertable_id = target.id;
    DELETE FROM _timescaledb_stand_in.hypertable WHERE id = target.id;
    IF target.compressed_hypertable_id IS NOT NULL THEN
        EXECUTE format('DROP TABLE %s', _timescaledb_stand_in.table_of(target.compressed_hypertable_id));
        DELETE FROM _timescaledb_stand_in.chunk WHERE hypertable_id = target.compressed_hypertable_id;
        DELETE FROM _timescaledb_stand_in.hypertable WHERE id = target.compressed_hypertable_id;
    END IF;
END
$$;

-- Which table or view is which row of the catalog, whatever its name becomes.
CREATE TABLE _timescaledb_stand_in.known_relation (
    relation oid PRIMARY KEY, hypertable_id integer NOT NULL, is_view boolean NOT NULL
);

CREATE FUNCTION _timescaledb_stand_in.remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'hypertable' THEN
        INSERT INTO _timescaledb_stand_in.known_relation
        VALUES (format('%I.%I', NEW.schema_name, NEW.table_name)::regclass, NEW.id, false);
    ELSE
        INSERT INTO _timescaledb_stand_in.known_relation
        VALUES (format('%I.%I', NEW.user_view_schema, NEW.user_view_name)::regclass, NEW.mat_hypertable_id, true);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER remember AFTER INSERT ON _timescaledb_stand_in.hypertable
    FOR EACH ROW EXECUTE FUNCTION _timescaledb_stand_in.remember();
CREATE TRIGGER remember AFTER INSERT ON _timescaledb_catalog.continuous_agg
    FOR EACH ROW EXECUTE FUNCTION _timescaledb_stand_in.remember();

CREATE FUNCTION _timescaledb_stand_in.follow_altered() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    altered record;
    chunk record;
BEGIN
    FOR altered IN
        SELECT k.hypertable_id, k.is_view, n.nspname, c.relname, c.relowner::regrole AS owner,
            c.oid::regclass AS relation
        FROM (SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands()) d
        JOIN _timescaledb_stand_in.known_relation k ON k.relation = d.objid
        JOIN pg_class c ON c.oid = d.objid
        JOIN pg_namespace n ON n.oid = c.relnamespace
    LOOP
        IF altered.is_view THEN
            UPDATE _timescaledb_catalog.continuous_agg
            SET user_view_schema = altered.nspname, user_view_name = altered.relname
            WHERE mat_hypertable_id = altered.hypertable_id;
        ELSE
            UPDATE _timescaledb_stand_in.hypertable SET schema_name = altered.nspname, table_name = altered.relname
            WHERE id = altered.hypertable_id;
        END IF;
        UPDATE @jobs@.bgw_job SET owner = altered.owner -- since 2.25.2
        WHERE hypertable_id = altered.hypertable_id AND owner <> altered.owner; -- since 2.25.2
        FOR chunk IN
            SELECT r.oid::regclass AS relation FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid
            WHERE i.inhparent = altered.relation AND r.relowner <> altered.owner
        LOOP
            EXECUTE format('ALTER TABLE %s OWNER TO %s', chunk.relation, altered.owner);
        END LOOP;
    END LOOP;
END
$$;

CREATE EVENT TRIGGER timescaledb_stand_in_dropped ON sql_drop
    EXECUTE FUNCTION _timescaledb_stand_in.forget_dropped();
CREATE EVENT TRIGGER timescaledb_stand_in_altered ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER VIEW') EXECUTE FUNCTION _timescaledb_stand_in.follow_altered();
