"""The journal of a watched folder: the photos that are done, in an SQLite database that survives a crash."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from commands.shared.again import Again, Version
from commands.shared.names import ignores_case, path_key
from commands.shared.run_identity import check_identity
from core.errors import SegmenterError

FILE = "watch.sqlite3"
TABLES = """
CREATE TABLE IF NOT EXISTS identity (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS photos (
    path BLOB PRIMARY KEY,  -- of the photo below INPUT, in bytes: names need not be UTF-8
    size INTEGER,           -- of the photo, in bytes
    modified INTEGER,       -- time of its last change, in nanoseconds
    key BLOB,               -- equal for paths that the file system of OUTPUT can't tell apart
    error TEXT,             -- why it can't be segmented; NULL if it has a result
    error_with TEXT,        -- what the error depends on besides the photo, see commands.shared.again
    result_size INTEGER,    -- of the result, in bytes
    result_modified INTEGER -- time of its last change, in nanoseconds
);
"""
# Columns that journals of early versions do not have.
NEW_COLUMNS = {"error_with": "TEXT", "result_size": "INTEGER", "result_modified": "INTEGER"}


class Journal:
    """The journal in the folder `target`, of results with one `identity`.

    Raises SegmenterError if the folder has results of another identity, or is in use.
    """

    def __init__(self, target: Path, identity: Mapping[str, str]) -> None:
        self._fold = ignores_case(target)
        self._database = sqlite3.connect(target / FILE, timeout=0, isolation_level=None)
        try:
            # The lock is kept until the process ends.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")
            self._database.executescript(TABLES)
            known = {column[1] for column in self._database.execute("PRAGMA table_info(photos)")}
            for name in NEW_COLUMNS.keys() - known:
                self._database.execute(f"ALTER TABLE photos ADD COLUMN {name} {NEW_COLUMNS[name]}")
            before = dict(self._database.execute("SELECT name, value FROM identity"))
            if before:
                check_identity(before, identity, str(target))
            else:
                self._database.executemany("INSERT INTO identity VALUES (?, ?)", identity.items())
        except sqlite3.Error as error:
            self._database.close()
            in_use = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
            why = "another watch writes to this folder; end it, or use another one" if in_use else str(error)
            raise SegmenterError(f"{target / FILE} can't be used: {why}") from error
        except SegmenterError:
            self._database.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def has(self, photo: Path, version: Version) -> bool:
        """Return whether this version of `photo` has a result or an error."""
        found = self._database.execute("SELECT size, modified FROM photos WHERE path = ?", [os.fsencode(photo)])
        return bool(found.fetchone() == (version.size, version.modified))

    def forget_errors(self, again: Again) -> None:
        """Forget the errors of photos that are tried `again`."""
        found = self._database.execute("SELECT path, error_with FROM photos WHERE error IS NOT NULL").fetchall()
        gone = [[path] for path, error_with in found if again.tries(error_with)]
        self._database.executemany("DELETE FROM photos WHERE path = ?", gone)

    def result(self, photo: Path) -> tuple[bool, Version | None]:
        """Return whether `photo` has a result, and its version, if that is known."""
        query = "SELECT result_size, result_modified FROM photos WHERE path = ? AND error IS NULL"
        found = self._database.execute(query, [os.fsencode(photo)]).fetchone()
        return found is not None, Version(*found) if found and found[0] is not None else None

    def same_result(self, photo: Path) -> Path | None:
        """Return another photo whose result has a name that the file system can't tell from that of `photo`."""
        query = "SELECT path FROM photos WHERE key = ? AND path != ? AND error IS NULL"
        found = self._database.execute(query, [self._key(photo), os.fsencode(photo)]).fetchone()
        return Path(os.fsdecode(found[0])) if found else None

    def add(self, photo: Path, version: Version, result: Version | None) -> None:
        """Record that `photo` has a `result`, of an unknown version if None. Raises OSError if the disk is full."""
        sizes = (result.size, result.modified) if result else (None, None)
        self._insert(photo, version, None, None, *sizes)

    def add_error(self, photo: Path, version: Version, error: str, error_with: str) -> None:
        """Record that `photo` has an `error`, which depends on `error_with`, too. Raises as add()."""
        self._insert(photo, version, error, error_with, None, None)

    def _insert(self, photo: Path, version: Version, *values: object) -> None:
        row = os.fsencode(photo), version.size, version.modified, self._key(photo), *values
        insert = (
            "INSERT OR REPLACE INTO photos (path, size, modified, key, error, error_with, result_size, result_modified)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        try:
            self._database.execute(insert, row)
        except sqlite3.OperationalError as failure:
            raise OSError(f"{FILE}: {failure}") from failure

    def _key(self, photo: Path) -> bytes:
        return os.fsencode(path_key(photo, fold=self._fold))
