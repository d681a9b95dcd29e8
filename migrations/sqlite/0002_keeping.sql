-- What is recorded when and why not, how long it is kept and where, and the proof that it is whole.

-- ---- recordings: weight, place, evidence ----

ALTER TABLE recordings ADD COLUMN motion INTEGER NOT NULL DEFAULT 0 CHECK (motion IN (0, 1));
-- What retention goes by: 0 nothing, 1 motion, 2 events, 3 protected. Lower ranks go first.
ALTER TABLE recordings ADD COLUMN rank INTEGER GENERATED ALWAYS AS (
    CASE WHEN protected THEN 3 WHEN has_events THEN 2 WHEN motion THEN 1 ELSE 0 END) VIRTUAL;
-- Where the file is, see storage_locations; 0: the recordings folder.
ALTER TABLE recordings ADD COLUMN location INTEGER NOT NULL DEFAULT 0;
-- Place in the camera's evidence chain, from 1; NULL: from before there was one.
ALTER TABLE recordings ADD COLUMN seq INTEGER;
ALTER TABLE recordings ADD COLUMN chain_prev BLOB; -- chain of seq - 1
-- Prefix digests about every second: LEB128 triples ms since the previous one, bytes since it, then
-- 8 bytes of the SHA-256 of the file up to there.
ALTER TABLE recordings ADD COLUMN digests BLOB;
ALTER TABLE recordings ADD COLUMN checked_ms INTEGER; -- last time its bytes were read and right

CREATE INDEX recordings_by_rank ON recordings (camera_id, rank, start_ms);
CREATE INDEX recordings_by_tier ON recordings (tier, rank, start_ms, camera_id);
-- What the background check reads next. Cold files are not fetched for it.
CREATE INDEX recordings_by_check ON recordings (checked_ms) WHERE tier <> 'cold';
-- All that a timeline asks for, without the rows themselves: a day is 350 kB instead of 5 MB.
CREATE INDEX recordings_spans ON recordings (camera_id, start_ms, end_ms, file_size);
CREATE INDEX recordings_by_seq ON recordings (camera_id, seq) WHERE seq IS NOT NULL;

CREATE TABLE storage_locations (
    id           INTEGER PRIMARY KEY NOT NULL,
    tier         TEXT NOT NULL CHECK (tier IN ('hot', 'warm', 'cold')),
    kind         TEXT NOT NULL CHECK (kind IN ('folder', 's3')),
    address      TEXT NOT NULL, -- absolute path, or endpoint/bucket
    marker       TEXT NOT NULL, -- what the place's marker file says: the disk is the one we know
    created_ms   INTEGER NOT NULL,
    UNIQUE (kind, address)
) STRICT;

-- Files outside of the recordings folder whose rows went: they are removed when their place can be
-- reached.
CREATE TABLE storage_removals (
    location     INTEGER NOT NULL,
    path         TEXT NOT NULL,
    PRIMARY KEY (location, path)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER recordings_removed_elsewhere AFTER DELETE ON recordings WHEN OLD.location <> 0 BEGIN
    INSERT OR IGNORE INTO storage_removals (location, path) VALUES (OLD.location, OLD.file_path);
END;
CREATE TRIGGER recordings_added_elsewhere AFTER INSERT ON recordings WHEN NEW.location <> 0 BEGIN
    DELETE FROM storage_removals WHERE location = NEW.location AND path = NEW.file_path;
END;
CREATE TRIGGER recordings_moved_elsewhere AFTER UPDATE OF location ON recordings
WHEN NEW.location <> 0 BEGIN
    DELETE FROM storage_removals WHERE location = NEW.location AND path = NEW.file_path;
END;

-- Bytes per camera, tier and rank, kept by triggers.
CREATE TABLE recording_usage (
    camera_id    TEXT NOT NULL,
    tier         TEXT NOT NULL,
    rank         INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    segments     INTEGER NOT NULL,
    PRIMARY KEY (camera_id, tier, rank)
) STRICT, WITHOUT ROWID;

INSERT INTO recording_usage (camera_id, tier, rank, bytes, segments)
    SELECT camera_id, tier, rank, sum(file_size), count(*) FROM recordings GROUP BY 1, 2, 3;

CREATE TRIGGER recording_usage_added AFTER INSERT ON recordings BEGIN
    INSERT INTO recording_usage (camera_id, tier, rank, bytes, segments)
    VALUES (NEW.camera_id, NEW.tier, NEW.rank, NEW.file_size, 1)
    ON CONFLICT (camera_id, tier, rank) DO UPDATE SET
        bytes = bytes + NEW.file_size, segments = segments + 1;
END;

CREATE TRIGGER recording_usage_changed
AFTER UPDATE OF file_size, tier, protected, has_events, motion ON recordings BEGIN
    UPDATE recording_usage SET bytes = bytes - OLD.file_size, segments = segments - 1
    WHERE camera_id = OLD.camera_id AND tier = OLD.tier AND rank = OLD.rank;
    INSERT INTO recording_usage (camera_id, tier, rank, bytes, segments)
    VALUES (NEW.camera_id, NEW.tier, NEW.rank, NEW.file_size, 1)
    ON CONFLICT (camera_id, tier, rank) DO UPDATE SET
        bytes = bytes + NEW.file_size, segments = segments + 1;
END;

CREATE TRIGGER recording_usage_removed AFTER DELETE ON recordings BEGIN
    UPDATE recording_usage SET bytes = bytes - OLD.file_size, segments = segments - 1
    WHERE camera_id = OLD.camera_id AND tier = OLD.tier AND rank = OLD.rank;
    DELETE FROM recording_usage
    WHERE camera_id = OLD.camera_id AND tier = OLD.tier AND rank = OLD.rank AND segments <= 0;
END;

-- ---- why something is recorded, and why not ----

-- Motion, events and people ask for a recording. [start, end) without pre- and post-roll.
CREATE TABLE recording_triggers (
    id           INTEGER PRIMARY KEY NOT NULL,
    camera_id    TEXT NOT NULL,
    start_ms     INTEGER NOT NULL,
    end_ms       INTEGER NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('motion', 'event', 'manual')),
    source       TEXT NOT NULL DEFAULT '',
    label        TEXT NOT NULL DEFAULT '',
    CHECK (end_ms >= start_ms)
) STRICT;
CREATE INDEX recording_triggers_by_time ON recording_triggers (camera_id, start_ms);

-- Periods in which a camera was not recorded, and why. The open one has no end.
CREATE TABLE recording_causes (
    camera_id    TEXT NOT NULL,
    start_ms     INTEGER NOT NULL,
    end_ms       INTEGER,
    cause        TEXT NOT NULL CHECK (cause IN ('camera', 'network', 'disk', 'overload', 'operator',
                                                'schedule', 'retention', 'system')),
    detail       TEXT NOT NULL DEFAULT '',
    -- A file spans it, and yet nothing was recorded: the camera was silent.
    inside       INTEGER NOT NULL DEFAULT 0 CHECK (inside IN (0, 1)),
    PRIMARY KEY (camera_id, start_ms, cause)
) STRICT, WITHOUT ROWID;
CREATE INDEX recording_causes_open ON recording_causes (camera_id) WHERE end_ms IS NULL;

CREATE TABLE protected_ranges (
    id           INTEGER PRIMARY KEY NOT NULL,
    camera_id    TEXT NOT NULL,
    start_ms     INTEGER NOT NULL,
    end_ms       INTEGER NOT NULL,
    reason       TEXT NOT NULL DEFAULT '',
    created_ms   INTEGER NOT NULL,
    CHECK (end_ms > start_ms)
) STRICT;
CREATE INDEX protected_ranges_by_time ON protected_ranges (camera_id, start_ms);

-- ---- jobs and exports ----

CREATE TABLE jobs (
    id           TEXT PRIMARY KEY NOT NULL,
    type         TEXT NOT NULL,
    name         TEXT NOT NULL DEFAULT '',
    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress     REAL NOT NULL DEFAULT 0,
    params       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params)),
    result       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(result)),
    error_code   TEXT NOT NULL DEFAULT '',
    error        TEXT NOT NULL DEFAULT '',
    created_ms   INTEGER NOT NULL,
    started_ms   INTEGER,
    finished_ms  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_time ON jobs (created_ms);

CREATE TABLE exports (
    job_id       TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    size         INTEGER NOT NULL DEFAULT 0,
    files        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(files)),
    expires_ms   INTEGER -- NULL: never
) STRICT, WITHOUT ROWID;
CREATE INDEX exports_by_expiry ON exports (expires_ms) WHERE expires_ms IS NOT NULL;

-- ---- evidence ----

-- The newest link of each camera's chain.
CREATE TABLE evidence_heads (
    camera_id    TEXT PRIMARY KEY NOT NULL,
    seq          INTEGER NOT NULL,
    chain        BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence_checkpoints (
    camera_id    TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    chain        BLOB NOT NULL,
    at_ms        INTEGER NOT NULL,
    signature    BLOB NOT NULL,
    PRIMARY KEY (camera_id, seq)
) STRICT, WITHOUT ROWID;

-- What the background check, `nvr recordings check` or a reader found wrong.
CREATE TABLE integrity_findings (
    id           INTEGER PRIMARY KEY NOT NULL,
    camera_id    TEXT NOT NULL,
    start_ms     INTEGER NOT NULL, -- of the recording
    kind         TEXT NOT NULL CHECK (kind IN ('changed', 'missing', 'truncated', 'unreadable', 'chain')),
    at_ms        INTEGER,          -- the first changed second
    detail       TEXT NOT NULL DEFAULT '',
    found_ms     INTEGER NOT NULL,
    UNIQUE (camera_id, start_ms, kind)
) STRICT;
