import Foundation
import GRDB

/// The tables of the file, by numbered migrations: a file is brought up to date when it is opened, and a newer one is
/// refused.
enum StoreSchema {
  /// `PRAGMA application_id`: `CBRD`.
  static let applicationID: Int32 = 0x4342_5244

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    for (name, sql) in migrations {
      migrator.registerMigration(name) { database in try database.execute(sql: sql) }
    }
    return migrator
  }

  static var names: [String] { migrations.map(\.name) }

  /// Never changed once they are released; a change is one more.
  private static let migrations: [(name: String, sql: String)] = [
    (
      "1",
      """
      -- What is one value: the stream's name, the head of the audit log.
      CREATE TABLE facts (
        name TEXT PRIMARY KEY NOT NULL,
        value BLOB NOT NULL
      ) WITHOUT ROWID;

      -- Every call: what lists and filters look at, and beside it the whole.
      CREATE TABLE calls (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        state TEXT NOT NULL,
        function TEXT NOT NULL,
        caller TEXT NOT NULL,
        conversation BLOB,
        received REAL NOT NULL,
        ended REAL,
        isDecided INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        summary TEXT NOT NULL,
        record BLOB NOT NULL,
        sealed BLOB
      );
      CREATE INDEX calls_live ON calls (id) WHERE ended IS NULL;
      CREATE INDEX calls_ended ON calls (ended) WHERE ended IS NOT NULL;
      CREATE INDEX calls_decided ON calls (function, id) WHERE isDecided;

      CREATE TABLE conversations (
        id BLOB PRIMARY KEY NOT NULL,
        isLive INTEGER NOT NULL,
        state TEXT NOT NULL,
        title TEXT NOT NULL,
        caller TEXT NOT NULL,
        model TEXT NOT NULL,
        started REAL NOT NULL,
        activity REAL NOT NULL,
        bytes INTEGER NOT NULL,
        record BLOB NOT NULL,
        sealed BLOB
      );
      CREATE INDEX conversations_order ON conversations (isLive, activity);

      -- Transcripts, a message a row.
      CREATE TABLE messages (
        conversation BLOB NOT NULL,
        place INTEGER NOT NULL,
        entry BLOB NOT NULL,
        sealed BLOB,
        PRIMARY KEY (conversation, place)
      ) WITHOUT ROWID;

      CREATE TRIGGER conversations_gone AFTER DELETE ON conversations BEGIN
        DELETE FROM messages WHERE conversation = OLD.id;
      END;

      -- What people have set.
      CREATE TABLE settings (
        name TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL
      ) WITHOUT ROWID;

      -- The audit log: what one commit told, and the hash that chains it to the one before.
      CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        count INTEGER NOT NULL,
        lines BLOB NOT NULL,
        hash BLOB NOT NULL
      );
      """
    ),
    (
      "2",
      """
      -- Up to where the audit log is in an archive: its last event there and the hash of that entry.
      CREATE TABLE checkpoints (
        seq INTEGER PRIMARY KEY,
        hash BLOB NOT NULL,
        time REAL NOT NULL,
        file TEXT NOT NULL,
        entries INTEGER NOT NULL,
        code BLOB
      );
      """
    ),
    (
      "3",
      """
      -- By what a write is found by those that are equal to it: a keyed digest, which tells nothing of its arguments.
      ALTER TABLE calls ADD COLUMN twin BLOB;
      CREATE INDEX calls_twin ON calls (twin, id) WHERE twin IS NOT NULL;
      """
    ),
    (
      "4",
      """
      -- Runs of workflows: what lists and filters look at, the workflow as it was when the run began, and what has
      -- become of it.
      CREATE TABLE runs (
        id BLOB PRIMARY KEY NOT NULL,
        isLive INTEGER NOT NULL,
        state TEXT NOT NULL,
        workflow TEXT NOT NULL,
        caller TEXT NOT NULL,
        started REAL NOT NULL,
        activity REAL NOT NULL,
        bytes INTEGER NOT NULL,
        document BLOB NOT NULL,
        record BLOB NOT NULL,
        sealed BLOB
      );
      CREATE INDEX runs_order ON runs (isLive, activity);
      """
    ),
    (
      "5",
      """
      -- Where the archive of a checkpoint begins, so that one that was taken out is missed.
      ALTER TABLE checkpoints ADD COLUMN after INTEGER;
      """
    ),
    (
      "6",
      """
      -- Runs stand in a shorter form from here on, which a callboard before this one can't read; those that are there stay
      -- as they are, and are read too.
      """
    ),
  ]

  /// Says what is in the way where the file was made by a newer callboard.
  static func refusal(of database: Database, at path: String) throws -> String? {
    guard try database.tableExists("grdb_migrations") else { return nil }
    let applied = try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations")
    guard let unknown = applied.first(where: { !names.contains($0) }) else { return nil }
    return
      "\(path) was written by a newer callboard: it has migration \(unknown), and this one knows up to \(names.last ?? "0"). "
      + "Use that version, or another file."
  }
}
