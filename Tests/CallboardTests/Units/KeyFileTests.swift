import Callboard
import Foundation
import Glibc
import Testing

@Suite struct `Key files` {
  private final class Folder {
    let path = FileManager.default.temporaryDirectory
      .appending(component: "callboard-key-\(UUID().uuidString)").path
    var store: String { path + "/callboard.db" }
    var key: String { store + ".key" }

    init() throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], mode: mode_t = 0o600) {
      #expect(FileManager.default.createFile(atPath: key, contents: Data(bytes)))
      #expect(chmod(key, mode) == 0)
    }

    func read(isNew: Bool = false) throws(KeyProblem) -> Sealer.MasterKey {
      try KeyFile.key(at: .beside(store: store), storeIsNew: isNew, environment: [:])
    }

    func problem(isNew: Bool = false) -> String? {
      do throws(KeyProblem) {
        _ = try read(isNew: isNew)
        return nil
      } catch {
        return error.description
      }
    }
  }

  private static let bytes = [UInt8](0..<32)
  private static let hexadecimal = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    .joined()

  @Test func `the first start makes a key that its user alone can read`() throws {
    let folder = try Folder()
    let made = try folder.read(isNew: true)
    var info = stat()
    #expect(stat(folder.key, &info) == 0)
    #expect(info.st_mode & 0o777 == 0o600)
    #expect(info.st_size == 32)
    #expect(try folder.read().bytes == made.bytes)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
  }

  @Test func `a second start goes on with the key of the first`() throws {
    let folder = try Folder()
    #expect(try folder.read(isNew: true).bytes == folder.read(isNew: true).bytes)
  }

  @Test func `processes that start at once get one key`() async throws {
    let folder = try Folder()
    let store = folder.store
    let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<16 {
        group.addTask {
          try KeyFile.key(at: .beside(store: store), storeIsNew: true, environment: [:]).bytes
        }
      }
      return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
    }
    #expect(keys.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
  }

  @Test func `a key that is missing while its store holds something is never replaced`() throws {
    let folder = try Folder()
    #expect(folder.problem()?.contains("put it back") == true)
    #expect(!FileManager.default.fileExists(atPath: folder.key))
  }

  @Test(arguments: [0o644, 0o640, 0o604, 0o620] as [mode_t])
  func `a key that others can read is refused`(mode: mode_t) throws {
    let folder = try Folder()
    folder.write(Self.bytes, mode: mode)
    #expect(folder.problem()?.contains("chmod 600") == true)
  }

  @Test(arguments: [0, 1, 31, 33, 64, 300])
  func `a file of another size holds no key, and is left as it is`(size: Int) throws {
    let folder = try Folder()
    folder.write([UInt8](repeating: 0x7A, count: size))
    let problem = folder.problem(isNew: true)
    #expect(problem?.contains("has \(size) bytes") == true)
    #expect(problem?.contains("zzz") == false)
    #expect(FileManager.default.contents(atPath: folder.key)?.count == size)
  }

  @Test func `what is no file is no key`() throws {
    let folder = try Folder()
    try FileManager.default.createDirectory(
      atPath: folder.key,
      withIntermediateDirectories: false
    )
    #expect(folder.problem(isNew: true)?.contains("is no file") == true)
  }

  @Test(arguments: [
    hexadecimal, hexadecimal.uppercased() + "\n", Data(bytes).base64EncodedString(),
    "  " + Data(bytes).base64EncodedString() + "\n",
  ])
  func `a key may be written as text, in a file and in the environment`(text: String) throws {
    let folder = try Folder()
    folder.write(Array(text.utf8))
    #expect(try folder.read().bytes == Self.bytes)
    let key = try KeyFile.key(
      at: .environment("KEY"),
      storeIsNew: false,
      environment: ["KEY": text]
    )
    #expect(key.bytes == Self.bytes)
  }

  @Test(arguments: ["", "swordfish-swordfish", hexadecimal + "00", String(hexadecimal.dropLast())])
  func `a variable without a key is refused, and what it holds is not said`(text: String) {
    let problem = #expect(throws: KeyProblem.self) {
      try KeyFile.key(at: .environment("KEY"), storeIsNew: true, environment: ["KEY": text])
    }
    #expect(problem?.description.contains("KEY") == true)
    if !text.isEmpty { #expect(problem?.description.contains(text) == false) }
  }

  @Test func `a file that the configuration names is never made`() throws {
    let folder = try Folder()
    let problem = #expect(throws: KeyProblem.self) {
      try KeyFile.key(at: .file(folder.key), storeIsNew: true, environment: [:])
    }
    #expect(problem?.description.contains("is not there") == true)
    folder.write(Self.bytes)
    let key = try KeyFile.key(at: .file(folder.key), storeIsNew: false, environment: [:])
    #expect(key.bytes == Self.bytes)
  }

  @Test func `a folder that is not there is a problem in a sentence`() throws {
    let folder = try Folder()
    let problem = #expect(throws: KeyProblem.self) {
      try KeyFile.key(
        at: .beside(store: folder.path + "/none/callboard.db"),
        storeIsNew: true,
        environment: [:]
      )
    }
    #expect(problem?.description.contains("can't be made") == true)
  }
}
