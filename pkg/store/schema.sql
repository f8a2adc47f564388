-- What cqkit keeps rate limits in; docs/store.md, "PostgreSQL". Times are in ns since 1970.
SELECT pg_advisory_xact_lock(7161676976202); -- instances that start together take turns

CREATE /*UNLOGGED*/ TABLE IF NOT EXISTS cqkit_limits (
  key    text COLLATE "C" PRIMARY KEY,
  tat    bigint NOT NULL, -- when nothing will be owed any more
  period bigint NOT NULL  -- T when that was written
) WITH (fillfactor = 50);

CREATE OR REPLACE FUNCTION cqkit_now_v1() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
$$;

-- Counts charge cells, whatever is owed, and then as many of fewest to most cells as pass.
CREATE OR REPLACE FUNCTION cqkit_take_v1(k text, t bigint, capacity bigint, charge bigint, fewest bigint, most bigint,
    OUT granted bigint, OUT owed bigint, OUT mark bigint) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  deepest CONSTANT bigint := 4611686018427387903;
  e cqkit_limits%ROWTYPE;
  there boolean;
  now bigint;
BEGIN
  LOOP
    IF charge = 0 AND most = 0 THEN
      SELECT * INTO e FROM cqkit_limits WHERE key = k;
    ELSE
      SELECT * INTO e FROM cqkit_limits WHERE key = k FOR UPDATE;
    END IF;
    there := FOUND;
    now := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000; -- after the lock is granted
    owed := 0;
    IF there AND e.tat > now THEN
      owed := e.tat - now;
      IF e.period <> t THEN
        owed := least(div(owed::numeric * t, e.period) + 1, deepest);
      END IF;
    END IF;
    IF charge > 0 THEN
      owed := least(owed + charge::numeric * t, deepest);
    END IF;
    granted := 0;
    IF owed < capacity THEN
      granted := least(most, (capacity - owed) / t);
      IF granted < fewest THEN
        granted := 0;
      END IF;
    END IF;
    owed := owed + granted * t;
    mark := now + owed;
    IF charge = 0 AND granted = 0 THEN
      RETURN;
    END IF;
    IF there THEN
      UPDATE cqkit_limits SET tat = mark, period = t WHERE key = k;
      RETURN;
    END IF;
    INSERT INTO cqkit_limits (key, tat, period) VALUES (k, mark, t) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      RETURN;
    END IF; -- somebody was faster: what he wrote counts
  END LOOP;
END $$;

-- Deletes up to 10000 rows that have owed nothing for some ns and are not in use; -1 if somebody else does.
CREATE OR REPLACE FUNCTION cqkit_sweep_v1(grace bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  n bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7161676976201) THEN
    RETURN -1;
  END IF;
  DELETE FROM cqkit_limits WHERE key IN (
    SELECT key FROM cqkit_limits WHERE tat < cqkit_now_v1() - grace LIMIT 10000 FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
