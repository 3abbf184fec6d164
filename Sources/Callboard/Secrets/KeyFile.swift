import Foundation
import Glibc

/// Reads the master key that a store's originals are sealed with, or makes it at the first start.
///
/// A key is never replaced: what another one has sealed could not be opened again.
public enum KeyFile {
  /// Where a store's key is.
  public enum Place: Sendable, Hashable {
    /// In an environment variable, by its name.
    case environment(String)
    /// In a file that the configuration names.
    case file(String)
    /// In a file beside the store, which is made at the first start.
    case beside(store: String)

    /// The file it is in; nil: in none.
    public var path: String? {
      switch self {
      case .environment: nil
      case .file(let path): path
      case .beside(let store): store + ".key"
      }
    }
  }

  /// The key at that place.
  ///
  /// `isNew`: the store holds nothing yet, so that a key beside it may be made. Throws a sentence that never says what
  /// was found as a key.
  public static func key(
    at place: Place,
    storeIsNew isNew: Bool,
    environment: [String: String]
  ) throws(KeyProblem) -> Sealer.MasterKey {
    switch place {
    case .environment(let name): return try key(inVariable: name, of: environment)
    case .file(let path):
      guard let key = try read(path) else {
        throw KeyProblem(
          "The key file \(path) is not there; put it there, or make one with: (umask 077; head -c 32 /dev/urandom > \(path))"
        )
      }
      return key
    case .beside(let store):
      let path = store + ".key"
      if let key = try read(path) { return key }
      guard isNew else {
        throw KeyProblem(
          "\(path) is not there, and \(store) was written with it; put it back, or name the file or environment variable it is in"
        )
      }
      return try make(path)
    }
  }

  private static func key(
    inVariable name: String,
    of environment: [String: String]
  ) throws(KeyProblem) -> Sealer.MasterKey {
    guard let text = environment[name], !text.isEmpty else {
      throw KeyProblem("The environment variable \(name) is not set; it has to hold the key")
    }
    guard let key = parse(Array(text.utf8)) else {
      throw KeyProblem("The environment variable \(name) holds no key: " + form)
    }
    return key
  }

  private static let form = "a key is 64 hexadecimal digits, or 32 bytes in base64"

  // MARK: - The text of a key

  /// A key from 64 hexadecimal digits, or from base64; nil where it is neither.
  static func parse(_ text: [UInt8]) -> Sealer.MasterKey? {
    let trimmed = String(decoding: text, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    return (hexadecimal(trimmed) ?? Data(base64Encoded: trimmed)).flatMap { Sealer.MasterKey($0) }
  }

  private static func hexadecimal(_ text: String) -> Data? {
    let digits = Array(text.unicodeScalars)
    guard digits.count == 64 else { return nil }
    var bytes = Data()
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digit(digits[index]), let low = digit(digits[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func digit(_ scalar: Unicode.Scalar) -> UInt8? {
    switch scalar {
    case "0"..."9": UInt8(scalar.value - 48)
    case "a"..."f": UInt8(scalar.value - 87)
    case "A"..."F": UInt8(scalar.value - 55)
    default: nil
    }
  }

  // MARK: - Files

  /// The key in a file; nil where there is none.
  private static func read(_ path: String) throws(KeyProblem) -> Sealer.MasterKey? {
    // Not blocking: what was put there may be a pipe.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      guard errno == ENOENT else { throw KeyProblem("\(path) can't be read: \(fault)") }
      return nil
    }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
      throw KeyProblem("\(path) is no file; the key has to be in one")
    }
    guard info.st_mode & 0o077 == 0 else {
      throw KeyProblem(
        "\(path) may be read by others (mode \(String(info.st_mode & 0o777, radix: 8))); make it yours alone with: chmod 600 \(path)"
      )
    }
    guard info.st_uid == geteuid() || info.st_uid == 0 else {
      throw KeyProblem("\(path) belongs to user \(info.st_uid), who can read it; make it yours")
    }
    var bytes = [UInt8](repeating: 0, count: 257)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { throw KeyProblem("\(path) can't be read: \(fault)") }
    bytes.removeLast(bytes.count - count)
    guard let key = bytes.count == 32 ? Sealer.MasterKey(bytes) : parse(bytes) else {
      throw KeyProblem(
        "\(path) holds no key: it has \(info.st_size) bytes; a key is 32 bytes, 64 hexadecimal digits, or base64 of 32 bytes; put the right file there"
      )
    }
    return key
  }

  /// Makes a key, and returns the one that stands there: another process may have been faster.
  private static func make(_ path: String) throws(KeyProblem) -> Sealer.MasterKey {
    let key = Sealer.MasterKey()
    // Under another name until it is whole and on disk: a half-written key would lock its store for ever.
    let draft = "\(path).\(UUID().uuidString)"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw KeyProblem("\(path) can't be made: \(fault)") }
    defer { unlink(draft) }
    let bytes = key.bytes
    let isWritten =
      bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count
      && fsync(descriptor) == 0
    let why = fault
    close(descriptor)
    guard isWritten else { throw KeyProblem("\(path) can't be written: \(why)") }
    guard link(draft, path) == 0 else {
      if errno == EEXIST, let other = try read(path) { return other }
      throw KeyProblem("\(path) can't be made: \(fault)")
    }
    try sync(folderOf: path)
    return key
  }

  /// The name of a new file is on disk only when its folder is.
  private static func sync(folderOf path: String) throws(KeyProblem) {
    let folder = (path as NSString).deletingLastPathComponent
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw KeyProblem("\(folder) can't be opened: \(fault)") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw KeyProblem("\(folder) can't be written to disk: \(fault)")
    }
  }

  private static var fault: String { String(cString: strerror(errno)) }
}

/// Why a store's key can't be used, in a sentence that says nothing of any key.
public struct KeyProblem: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
