// swift-tools-version: 6.2
import PackageDescription

/// For the thread sanitizer, which cannot see the slow path of the standard library's locks: with `CALLBOARD_TRACED_LOCKS=1`
/// whatever imports Synchronization gets the pthread locks of TracedSynchronization, of the same interface.
let hasTracedLocks = Context.environment["CALLBOARD_TRACED_LOCKS"] == "1"

let common: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
let traced = "TracedSynchronization"
let strict =
  common
  + (hasTracedLocks ? [.unsafeFlags(["-module-alias", "Synchronization=" + traced])] : [])

let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let http = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let locks: [Target.Dependency] = hasTracedLocks ? [.byName(name: traced)] : []

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies + locks, swiftSettings: strict)
}

func tests(
  _ name: String,
  _ dependencies: [Target.Dependency],
  excluding: [String] = []
) -> Target {
  .testTarget(
    name: name,
    dependencies: dependencies + locks,
    exclude: excluding,
    swiftSettings: strict
  )
}

let tracedLocks: [Target] =
  hasTracedLocks ? [.target(name: traced, swiftSettings: common)] : []

/// Every target, in the order of the arrows: a target sees only what stands above it.
let all: [Target] = [
  .systemLibrary(name: "CPCRE2", providers: [.apt(["libpcre2-dev"])]),
  .systemLibrary(name: "CSpawn"),
  .systemLibrary(name: "CFileIdentity"),
  .systemLibrary(name: "CNcurses", providers: [.apt(["libncursesw5-dev"])]),
  library("JSONSchema", ["CPCRE2"]),
  library("Callboard", ["JSONSchema", collections, crypto, logging]),
  library("CallboardTesting", ["Callboard", "JSONSchema"]),
  library("CallboardSQLite", ["Callboard", "JSONSchema", "CFileIdentity", grdb]),
  library("CallboardControl", ["Callboard", "JSONSchema"]),
  library("CallboardYAML", ["JSONSchema", yams]),
  library("CallboardModels", ["Callboard", "JSONSchema", "CallboardYAML", http, nio, nioHTTP1]),
  library(
    "CallboardProviders",
    ["Callboard", "JSONSchema", "CSpawn", http, nio, nioPosix, nioHTTP1]
  ),
  library("CallboardTerminal", ["Callboard", "CNcurses"]),
  library("CallboardConsole", ["Callboard", "JSONSchema", "CallboardTerminal", crypto]),
  .executableTarget(
    name: "CallboardCommand",
    dependencies: [
      "Callboard", "JSONSchema", "CallboardYAML", "CallboardModels", "CallboardProviders",
      "CallboardSQLite", "CallboardControl", "CallboardTerminal", "CallboardConsole", arguments,
      http, logging,
    ],
    swiftSettings: strict
  ),
  .target(name: "CAllocationCount"),
  .executableTarget(
    name: "CallboardBench",
    dependencies: ["Callboard", "CallboardSQLite", "JSONSchema", "CAllocationCount", grdb],
    swiftSettings: strict
  ),
  // What the crash test kills; nothing that is installed.
  .executableTarget(
    name: "CallboardCrash",
    dependencies: ["CallboardSQLite", "Callboard", "JSONSchema"] + locks,
    swiftSettings: strict
  ),
  // A console without its screen, which the end-to-end tests run as other users; nothing that is installed.
  .executableTarget(
    name: "CallboardPeer",
    dependencies: ["CallboardControl", "Callboard", "JSONSchema"] + locks,
    swiftSettings: strict
  ),
  tests("JSONSchemaTests", ["JSONSchema"]),
  tests("CallboardTests", ["Callboard", "CallboardTesting", "JSONSchema"]),
  tests(
    "CallboardSQLiteTests",
    [
      "CallboardSQLite", "CallboardConsole", "CallboardTerminal", "Callboard", "CallboardTesting",
      "JSONSchema", logging, grdb,
    ]
  ),
  tests(
    "CallboardCrashTests",
    ["CallboardCrash", "CallboardSQLite", "Callboard", "JSONSchema", grdb]
  ),
  tests(
    "CallboardControlTests",
    [
      "CallboardControl", "CallboardConsole", "CallboardTerminal", "Callboard", "CallboardTesting",
      "JSONSchema",
    ]
  ),
  tests("CallboardYAMLTests", ["CallboardYAML", "JSONSchema"]),
  tests(
    "CallboardModelsTests",
    ["CallboardModels", "Callboard", "CallboardTesting", "JSONSchema", nio, nioPosix, nioHTTP1]
  ),
  tests(
    "CallboardProvidersTests",
    [
      "CallboardProviders", "Callboard", "CallboardTesting", "JSONSchema", http, nio, nioPosix,
      nioHTTP1,
    ]
  ),
  tests("CallboardTerminalTests", ["CallboardTerminal", "Callboard"]),
  tests(
    "CallboardConsoleTests",
    ["CallboardConsole", "CallboardTerminal", "Callboard", "CallboardTesting", "JSONSchema"],
    excluding: ["Screens"]
  ),
  tests(
    "CallboardCommandTests",
    [
      "CallboardCommand", "CallboardControl", "CallboardSQLite", "CallboardYAML",
      "CallboardModels", "CallboardTerminal", "Callboard", "CallboardTesting", "JSONSchema", grdb,
    ]
  ),
  // Against the real program in a pseudo-terminal that tmux holds.
  tests(
    "CallboardEndToEndTests",
    ["CallboardCommand", "CallboardPeer", "CallboardControl", "Callboard", "JSONSchema"]
  ),
]

/// `CALLBOARD_PARTS=Callboard,CallboardTests` leaves only those targets and what they need, so that
/// the thread sanitizer and a quick edit do not build an HTTP stack.
func parts(of targets: [Target], named wanted: Set<String>) -> [Target] {
  var names = wanted
  for target in targets.reversed() where names.contains(target.name) {
    for case .byNameItem(let name, _) in target.dependencies { names.insert(name) }
  }
  return targets.filter { names.contains($0.name) }
}

let wanted = Context.environment["CALLBOARD_PARTS"].map {
  Set($0.split(separator: ",").map(String.init))
}
let every = tracedLocks + all
let targets = wanted.map { parts(of: every, named: $0) } ?? every

@MainActor func product(_ product: Product, of target: String) -> [Product] {
  targets.contains { $0.name == target } ? [product] : []
}

let products: [Product] =
  product(.executable(name: "callboard", targets: ["CallboardCommand"]), of: "CallboardCommand")
  + product(.executable(name: "callboard-bench", targets: ["CallboardBench"]), of: "CallboardBench")
  + product(.library(name: "Callboard", targets: ["Callboard"]), of: "Callboard")
  + product(.library(name: "JSONSchema", targets: ["JSONSchema"]), of: "JSONSchema")

@MainActor func uses(_ package: String) -> Bool {
  targets.contains { target in
    target.dependencies.contains { dependency in
      if case .productItem(_, let owner, _, _) = dependency { return owner == package }
      return false
    }
  }
}

let packages: [(String, Package.Dependency)] = [
  (
    "swift-collections", .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0")
  ),
  ("swift-crypto", .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2")),
  ("swift-log", .package(url: "https://github.com/apple/swift-log", exact: "1.16.2")),
  ("swift-nio", .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2")),
  (
    "async-http-client",
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0")
  ),
  (
    "swift-argument-parser",
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
  ),
  ("GRDB.swift", .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0")),
  ("Yams", .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2")),
]

/// Packages of async-http-client's: pinned too, because Package.resolved is not kept.
///
/// Of any other of its packages that is named here the package manager says that no target uses it.
let pins: [Package.Dependency] = [
  .package(url: "https://github.com/apple/swift-async-algorithms.git", exact: "1.1.4"),
  .package(url: "https://github.com/apple/swift-configuration.git", exact: "1.4.0"),
  .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
  .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
]

let package = Package(
  name: "callboard",
  products: products,
  dependencies: packages.filter { uses($0.0) }.map { $0.1 }
    + (uses("async-http-client") ? pins : []),
  targets: targets
)
