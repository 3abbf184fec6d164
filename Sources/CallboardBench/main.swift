import Callboard
import Foundation
import JSONSchema

/// `callboard-bench a`: calls a second down the whole road, by the line protocol of the peers' benchmarks.
///
/// `callboard-bench b`: JSON Schema verdicts a second. `callboard-bench count N`: N calls, for counting instructions.
let arguments = CommandLine.arguments.dropFirst()
switch arguments.first {
case "a": await CallBenchmark.serve()
case "b": SchemaBenchmark.serve()
case "count":
  guard let count = arguments.dropFirst().first.flatMap({ Int($0) }) else {
    FileHandle.standardError.write(Data("callboard-bench count needs a number of calls\n".utf8))
    exit(64)
  }
  await CallBenchmark.run(calls: count)
case "limits": print(Limit.page, terminator: "")
case "thresholds": exit(await AllocationThresholds.check() ? 0 : 1)
case "store":
  do {
    try await StoreBenchmark.run(
      in: arguments.dropFirst().first ?? ".",
      only: arguments.dropFirst(2).first
    )
  } catch {
    FileHandle.standardError.write(Data("callboard-bench store: \(error)\n".utf8))
    exit(1)
  }
case "workflows":
  do {
    try await WorkflowBenchmark.run(
      in: arguments.dropFirst().first ?? ".",
      only: arguments.dropFirst(2).first
    )
  } catch {
    FileHandle.standardError.write(Data("callboard-bench workflows: \(error)\n".utf8))
    exit(1)
  }
case "opening", "open":
  do {
    let path = arguments.dropFirst().first ?? "."
    if arguments.first == "open" {
      try OpeningBenchmark.open(path)
    } else {
      try await OpeningBenchmark.run(in: path)
    }
  } catch {
    FileHandle.standardError.write(Data("callboard-bench opening: \(error)\n".utf8))
    exit(1)
  }
case "audit":
  guard let count = arguments.dropFirst().first.flatMap({ Int($0) }) else {
    FileHandle.standardError.write(Data("callboard-bench audit needs a number of entries\n".utf8))
    exit(64)
  }
  do {
    try AuditBenchmark.run(calls: count, in: arguments.dropFirst(2).first ?? ".")
  } catch {
    FileHandle.standardError.write(Data("callboard-bench audit: \(error)\n".utf8))
    exit(1)
  }
case "waiting":
  guard let count = arguments.dropFirst().first.flatMap({ Int($0) }) else {
    FileHandle.standardError.write(Data("callboard-bench waiting needs a number of calls\n".utf8))
    exit(64)
  }
  await WaitingBenchmark.run(waiting: count, running: 1000)
default:
  FileHandle.standardError.write(
    Data(
      """
      callboard-bench a      one no-op function, {"conc":N,"secs":S} a line on stdin
      callboard-bench b      JSON Schema, {"case":NAME,"form":"value|text|parse","secs":S,…} a line on stdin
      callboard-bench count N   N calls by 100 callers, then exit: for perf or callgrind
      callboard-bench limits       the page of limits in the documentation
      callboard-bench thresholds   allocations of a call and of a verdict; ends with 1 when one is over its limit
      callboard-bench store [FOLDER]   calls a second on a store in FOLDER, beside the disk's fdatasync and bare SQLite
      callboard-bench workflows [FOLDER]   1,000 runs of ten steps beside as many plain calls, on a store in FOLDER
      callboard-bench opening [FOLDER]   opens a store with a million ended calls and 10,000 waiting: time and memory
      callboard-bench audit N [FOLDER]   the verification of an audit log of N entries, made in FOLDER
      callboard-bench waiting N   N calls held for approval and 1,000 running: memory, and the cost of a screen

      """.utf8
    )
  )
  exit(64)
}
