-- SPDX-License-Identifier: Apache-2.0
-- What somebody did is kept apart from what happened by itself, which anybody on the wire can make happen: each has its own bound.
CREATE INDEX event_deed ON event(idx) WHERE actor <> '';
CREATE INDEX event_other ON event(idx) WHERE actor = '';
