import Glibc

/// The system's words for an error number.
func systemText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  strerror_r(code, &buffer, buffer.count)
  return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
