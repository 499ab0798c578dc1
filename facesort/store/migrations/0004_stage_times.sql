-- Where the time of a run goes.  Depends on the clock, as run, run_batch and timing do.

CREATE TABLE stage_time (
    run_id       INTEGER NOT NULL,
    batch_id     INTEGER NOT NULL,
    place        VARCHAR NOT NULL CHECK (place IN ('worker', 'coordinator')),
    stage        VARCHAR NOT NULL,
    seconds      DOUBLE NOT NULL,           -- of wall time; the workers' added up
    cpu_seconds  DOUBLE NOT NULL,
    PRIMARY KEY (run_id, batch_id, place, stage)
);
