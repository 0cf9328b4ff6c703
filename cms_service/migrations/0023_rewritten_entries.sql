-- oldest-readable: 1

-- How often changes of its type have rewritten the entry: who sends back what was read before has to read it again.
ALTER TABLE cms.entries ADD COLUMN rewritten integer NOT NULL DEFAULT 0;
