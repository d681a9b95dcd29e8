-- Cameras' run-time state, their history, and the index of recorded segments.

CREATE TABLE cameras (
    id           TEXT PRIMARY KEY NOT NULL,
    status       TEXT NOT NULL DEFAULT 'offline',
    last_seen    INTEGER,
    fps          REAL NOT NULL DEFAULT 0,
    bitrate      INTEGER NOT NULL DEFAULT 0,
    resolution   TEXT NOT NULL DEFAULT '',
    codec        TEXT NOT NULL DEFAULT '',
    stats        TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(stats)),
    error        TEXT NOT NULL DEFAULT '',
    stopped      INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per period of one status. The open period has no end.
CREATE TABLE camera_status_log (
    camera_id    TEXT NOT NULL REFERENCES cameras (id) ON DELETE CASCADE,
    start_ms     INTEGER NOT NULL,
    end_ms       INTEGER,
    status       TEXT NOT NULL,
    error        TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (camera_id, start_ms)
) STRICT, WITHOUT ROWID;

-- No reference to cameras: the recordings of a removed camera stay until they are deleted.
CREATE TABLE recordings (
    camera_id    TEXT NOT NULL,
    start_ms     INTEGER NOT NULL,
    end_ms       INTEGER NOT NULL,
    file_size    INTEGER NOT NULL CHECK (file_size >= 0),
    stream       TEXT NOT NULL DEFAULT 'main',
    file_path    TEXT NOT NULL,
    tier         TEXT NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'warm', 'cold')),
    has_events   INTEGER NOT NULL DEFAULT 0 CHECK (has_events IN (0, 1)),
    event_count  INTEGER NOT NULL DEFAULT 0,
    protected    INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1)),
    codec        TEXT NOT NULL DEFAULT '',
    codec_string TEXT NOT NULL DEFAULT '',
    audio_codec  TEXT NOT NULL DEFAULT '',
    width        INTEGER NOT NULL DEFAULT 0,
    height       INTEGER NOT NULL DEFAULT 0,
    fps          REAL NOT NULL DEFAULT 0,
    bitrate      INTEGER NOT NULL DEFAULT 0,
    init_id      TEXT NOT NULL DEFAULT '',
    init_size    INTEGER NOT NULL DEFAULT 0,
    checksum     BLOB,          -- SHA-256 of the file
    chain        BLOB,          -- hash over the previous segment's chain and this checksum
    signature    BLOB,
    keyframes    BLOB,          -- LEB128 pairs: ms since the previous one, bytes since it
    id           TEXT GENERATED ALWAYS AS (camera_id || '-' || start_ms) VIRTUAL,
    duration_ms  INTEGER GENERATED ALWAYS AS (end_ms - start_ms) VIRTUAL,
    resolution   TEXT GENERATED ALWAYS AS (width || 'x' || height) VIRTUAL,
    PRIMARY KEY (camera_id, start_ms),
    CHECK (end_ms >= start_ms)
) STRICT, WITHOUT ROWID;

-- Lists of all cameras, newest first; the oldest of all when space is needed.
CREATE INDEX recordings_by_time ON recordings (start_ms, camera_id);
CREATE INDEX recordings_protected ON recordings (camera_id, start_ms) WHERE protected = 1;

CREATE TABLE recording_totals (
    camera_id    TEXT PRIMARY KEY NOT NULL,
    bytes        INTEGER NOT NULL,
    segments     INTEGER NOT NULL,
    first_ms     INTEGER NOT NULL,
    last_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER recordings_added AFTER INSERT ON recordings BEGIN
    INSERT INTO recording_totals (camera_id, bytes, segments, first_ms, last_ms)
    VALUES (NEW.camera_id, NEW.file_size, 1, NEW.start_ms, NEW.end_ms)
    ON CONFLICT (camera_id) DO UPDATE SET
        bytes = bytes + NEW.file_size,
        segments = segments + 1,
        first_ms = min(first_ms, NEW.start_ms),
        last_ms = max(last_ms, NEW.end_ms);
END;

-- Key and camera never change; a repaired file has another size and end.
CREATE TRIGGER recordings_changed AFTER UPDATE OF end_ms, file_size ON recordings BEGIN
    UPDATE recording_totals SET
        bytes = bytes - OLD.file_size + NEW.file_size,
        last_ms = CASE WHEN OLD.end_ms < last_ms THEN max(last_ms, NEW.end_ms)
                  ELSE (SELECT end_ms FROM recordings WHERE camera_id = NEW.camera_id
                        ORDER BY start_ms DESC LIMIT 1) END
    WHERE camera_id = NEW.camera_id;
END;

CREATE TRIGGER recordings_removed AFTER DELETE ON recordings BEGIN
    DELETE FROM recording_totals WHERE camera_id = OLD.camera_id AND segments <= 1;
    UPDATE recording_totals SET
        bytes = bytes - OLD.file_size,
        segments = segments - 1,
        first_ms = CASE WHEN OLD.start_ms > first_ms THEN first_ms
                   ELSE (SELECT start_ms FROM recordings WHERE camera_id = OLD.camera_id
                         ORDER BY start_ms LIMIT 1) END,
        last_ms = CASE WHEN OLD.end_ms < last_ms THEN last_ms
                  ELSE (SELECT end_ms FROM recordings WHERE camera_id = OLD.camera_id
                        ORDER BY start_ms DESC LIMIT 1) END
    WHERE camera_id = OLD.camera_id;
END;
