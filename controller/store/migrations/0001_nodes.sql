-- SPDX-License-Identifier: Apache-2.0
-- Nodes, their boots, what they were told, and who did what. Times are milliseconds since 1970 UTC; ids are the controller's own.

CREATE TABLE setting (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
	id TEXT PRIMARY KEY,
	rev INTEGER NOT NULL DEFAULT 1,             -- rises with each change: the ETag
	name TEXT NOT NULL DEFAULT '',              -- '': the id is shown
	labels TEXT NOT NULL DEFAULT '{}',          -- a JSON object of strings
	admission TEXT NOT NULL,                    -- discovered, pending, approved, rejected, retired
	cordoned INTEGER NOT NULL DEFAULT 0,
	clash TEXT NOT NULL DEFAULT '',             -- the other node that lives on the same evidence, until a person decides
	serial TEXT NOT NULL DEFAULT '',            -- of the board; '': it does not say
	uuid TEXT NOT NULL DEFAULT '',
	facts TEXT NOT NULL DEFAULT '{}',           -- of the newest hello, a JSON object
	manifest TEXT NOT NULL DEFAULT '',          -- SHA-256 of what it is to run, hex; '': the built-in release's
	run INTEGER NOT NULL DEFAULT 1,             -- its guests are to run
	generation INTEGER NOT NULL DEFAULT 0,      -- of the wishes above: only rises
	restart_generation INTEGER NOT NULL DEFAULT 0,
	reboot TEXT NOT NULL DEFAULT '',            -- the boot that is to end, 16 hex digits
	created_ms INTEGER NOT NULL,
	admitted_ms INTEGER,
	changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mac (
	mac TEXT PRIMARY KEY,                       -- 12 hex digits
	node TEXT NOT NULL REFERENCES node(id),
	seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mac_node ON mac(node);

-- The key is what lets a node go on with a controller that was started again.
CREATE TABLE boot (
	id TEXT PRIMARY KEY,                        -- the node's boot id, 16 hex digits
	node TEXT NOT NULL REFERENCES node(id),
	key BLOB NOT NULL,                          -- 32 bytes
	address TEXT NOT NULL DEFAULT '',
	started_ms INTEGER NOT NULL,                -- its first hello
	ended_ms INTEGER,
	outcome TEXT NOT NULL DEFAULT '',           -- '', 'running', or the name of what went wrong
	facts TEXT NOT NULL DEFAULT '{}',
	steps TEXT NOT NULL DEFAULT '[]',           -- of the waterfall, a JSON array
	crash BLOB                                  -- the record of the boot before
) STRICT, WITHOUT ROWID;
CREATE INDEX boot_node ON boot(node, started_ms);

CREATE TABLE lease (
	mac TEXT PRIMARY KEY,
	address TEXT NOT NULL UNIQUE,
	network TEXT NOT NULL,
	client_id TEXT NOT NULL DEFAULT '',
	hostname TEXT NOT NULL DEFAULT '',
	expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened, and who did it: `actor` is '' for what happened by itself.
CREATE TABLE event (
	idx INTEGER PRIMARY KEY,                    -- the stream's index
	at_ms INTEGER NOT NULL,
	kind TEXT NOT NULL,                         -- like node.approved
	node TEXT NOT NULL DEFAULT '',
	actor TEXT NOT NULL DEFAULT '',
	request TEXT NOT NULL DEFAULT '',
	text TEXT NOT NULL,                         -- one sentence
	data TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX event_node ON event(node, idx);

CREATE TABLE rule (
	id TEXT PRIMARY KEY,
	rev INTEGER NOT NULL DEFAULT 1,
	matches TEXT NOT NULL,                      -- a JSON object of conditions
	labels TEXT NOT NULL DEFAULT '{}',          -- for the nodes that it approves
	left_count INTEGER NOT NULL,                -- nodes that it may still approve
	ends_ms INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
	id TEXT PRIMARY KEY,
	name TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE,
	created_ms INTEGER NOT NULL,
	used_ms INTEGER,
	ends_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
	hash BLOB PRIMARY KEY,
	created_ms INTEGER NOT NULL,
	used_ms INTEGER NOT NULL,
	ends_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	node TEXT NOT NULL DEFAULT '',
	state TEXT NOT NULL,                        -- running, succeeded, failed
	text TEXT NOT NULL DEFAULT '',
	created_ms INTEGER NOT NULL,
	ended_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
	sha256 TEXT PRIMARY KEY,                    -- hex
	bytes INTEGER NOT NULL,
	kind TEXT NOT NULL,                         -- kernel, initramfs, manifest, service
	created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE release (
	manifest TEXT PRIMARY KEY REFERENCES blob(sha256),
	name TEXT NOT NULL,
	version TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	is_builtin INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The answer that a POST with an Idempotency-Key got.
CREATE TABLE idempotency (
	key TEXT PRIMARY KEY,
	request_hash BLOB NOT NULL,
	status INTEGER NOT NULL,
	body TEXT NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
