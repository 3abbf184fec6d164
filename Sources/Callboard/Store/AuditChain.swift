import Crypto

/// Chains the entries of the audit log: each one's hash covers its lines and the hash of the one before.
public enum AuditChain {
  /// The hash before the first entry of a stream.
  public static func start(of stream: String) -> [UInt8] {
    Array(SHA256.hash(data: Array("callboard audit v1 \(stream)".utf8)))
  }

  /// SHA-256 over the hash before, the number of events in the entry (8 bytes, big-endian), and its lines.
  public static func link(_ lines: [UInt8], count: Int, after hash: [UInt8]) -> [UInt8] {
    lines.withUnsafeBytes { link($0, count: count, after: hash) }
  }

  /// The same, of bytes that are only lent.
  public static func link(
    _ lines: UnsafeRawBufferPointer,
    count: Int,
    after hash: [UInt8]
  ) -> [UInt8] {
    var sum = SHA256()
    sum.update(data: hash)
    withUnsafeBytes(of: UInt64(truncatingIfNeeded: count).bigEndian) {
      sum.update(bufferPointer: $0)
    }
    sum.update(bufferPointer: lines)
    return Array(sum.finalize())
  }
}
