import Callboard
import Foundation
import Glibc
import Testing

/// Kills a process that holds a store, again and again, and looks at what is left.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct CrashTests {
  private static let rounds = 6
  private static let killsARound = 50

  /// Takes up what is left, lets it end, and proves that nothing was lost or done twice.
  private func finish(_ folder: Folder, _ store: String, _ seed: UInt64) throws -> Proof {
    let end = try Child.victim([store, folder.path, "\(seed)", "finish"]).wait()
    guard end == .exit(0) else { throw Unproved("what was left did not end: \(end)") }
    return try Proof(of: store, ledgers: folder)
  }

  @Test func `a kill at any of 300 moments loses no decision, and repeats no write`() throws {
    let seed =
      ProcessInfo.processInfo.environment["CALLBOARD_CRASH_SEED"].flatMap { UInt64($0) }
      ?? UInt64(Date.now.timeIntervalSince1970)
    print("crash test: CALLBOARD_CRASH_SEED=\(seed)")
    var generator = SeededGenerator(seed: seed)
    var kills = 0
    for round in 1...Self.rounds {
      let folder = try Folder()
      let store = folder.file("a.db")
      for number in 1...Self.killsARound {
        let lives = folder.lines(of: "lives").count
        let victim = try Child.victim([store, folder.path, "\(generator.next())", "load"])
        // Every fourth while it opens its store and takes up what is there; the others at their work.
        if number % 4 != 0 {
          while folder.lines(of: "lives").count == lives, victim.isRunning { usleep(1000) }
        }
        usleep(UInt32.random(in: 0...120_000, using: &generator))
        let end = victim.killed()
        try #require(end == .signal(SIGKILL), "it ended before it was killed: \(end)")
        kills += 1
      }
      let proof = try finish(folder, store, generator.next())
      print("crash test: round \(round), \(proof.summary)")
    }
    #expect(kills >= 300)
  }

  @Test(arguments: [
    "before-commit", "after-commit", "before-durable", "after-durable", "in-transaction",
    "in-follower", "before-effect", "after-effect",
  ])
  func `a kill at each named point loses no decision, and repeats no write`(
    _ point: String
  ) throws {
    let folder = try Folder()
    let store = folder.file("a.db")
    // In the first moments and well within the load; each finds what the one before has left.
    for count in [1, 2, 3, 5, 8, 13, 21, 34] {
      let victim = try Child.victim([store, folder.path, "\(count)", "load", point, "\(count)"])
      #expect(victim.wait() == .signal(SIGKILL), "at \(point) \(count)")
    }
    print("crash test: \(point), \(try finish(folder, store, 1).summary)")
  }

  @Test(.enabled(if: Tools.canTrace, "there is no strace here that may trace"))
  func `between what a write is about to do and its doing there is an fdatasync`() throws {
    let strace = try #require(Tools.path(of: "strace"))
    let folder = try Folder()
    let trace = folder.file("trace")
    let end = try Child.victim(
      [folder.file("a.db"), folder.path, "1", "once"],
      tracer: [
        strace, "-f", "-y", "-e", "trace=fdatasync,fsync,write,pwrite64,%%stat", "-o", trace,
      ]
    ).wait()
    try #require(end == .exit(0))
    let lines = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
    func index(_ text: String, _ file: String) throws -> Int {
      try #require(
        lines.firstIndex { $0.contains("write(") && $0.contains(file) && $0.contains(text) },
        "\(text) is not in the trace"
      )
    }
    let asked = try index("asked", "/heard")
    let done = try index("\"write ", "/acts")
    let told = try index("told", "/heard")
    for part in [lines[asked..<done], lines[done..<told]] {
      let wrote = try #require(part.lastIndex { $0.contains("pwrite64(") && $0.contains("-wal") })
      let synced = try #require(
        part.lastIndex { $0.contains("sync(") || $0.contains("sync resumed") }
      )
      #expect(wrote < synced, "what was written last was not synced")
    }
    // Each look at its times would have Linux write the log's inode too with the next sync.
    let looks = lines[asked..<told].filter { $0.contains("stat") && $0.contains("-wal\"") }
    #expect(!looks.isEmpty, "that the log is still there was not seen to")
    #expect(looks.allSatisfy { $0.contains("STATX_INO, ") }, "\(looks)")
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "no disk of one megabyte can be mounted here"))
  func `on a full disk writes stop with a sentence, nothing is lost, and it goes on`() throws {
    let folder = try Folder()
    let disk = try SmallDisk(at: folder.file("disk"))
    defer { disk.unmount() }
    let store = disk.path + "/a.db"
    let victim = try Child.victim([store, folder.path, "1", "load"])
    defer { victim.killed() }
    func wait(_ what: String, _ holds: () -> Bool) throws {
      for _ in 0..<750 {
        if holds() { return }
        try #require(victim.isRunning, "it has crashed")
        usleep(20_000)
      }
      throw Unproved("in 15 s it did not come to \(what)")
    }
    try wait("a full disk") { folder.lines(of: "heard").contains { $0.first == "refused" } }
    let refusal = folder.lines(of: "heard").first { $0.first == "refused" } ?? []
    #expect(refusal.joined(separator: " ").contains("the disk is full"))
    // Reading goes on, and so does refusing.
    let refused = folder.lines(of: "heard").count
    try wait("more refusals") { folder.lines(of: "heard").count > refused + 20 }
    try disk.makeRoom()
    let before = folder.lines(of: "heard").count
    try wait("a write after there was room") {
      folder.lines(of: "heard").dropFirst(before).contains {
        $0.first == "outcome" && $0[1] == "c.move"
      }
    }
    victim.killed()
    print("crash test: full disk, \(try finish(folder, store, 2).summary)")
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "no disk of one megabyte can be mounted here"))
  func `a kill on a full disk loses nothing either`() throws {
    let folder = try Folder()
    let disk = try SmallDisk(at: folder.file("disk"))
    defer { disk.unmount() }
    let store = disk.path + "/a.db"
    for seed in 1...4 {
      let victim = try Child.victim([store, folder.path, "\(seed)", "load"])
      for _ in 0..<300 where !folder.lines(of: "heard").contains(where: { $0.first == "refused" }) {
        usleep(10_000)
      }
      usleep(UInt32(seed) * 100_000)
      victim.killed()
    }
    try disk.makeRoom()
    print("crash test: killed on a full disk, \(try finish(folder, store, 2).summary)")
  }
}
