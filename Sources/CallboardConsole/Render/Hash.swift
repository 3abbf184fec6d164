import Crypto
import Foundation

/// The SHA-256 of a text as it is shown, in hexadecimal digits.
func sha256(_ text: String) -> String {
  let digits = Array("0123456789abcdef")
  return SHA256.hash(data: Data(text.utf8))
    .reduce(into: "") { text, byte in
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
}
