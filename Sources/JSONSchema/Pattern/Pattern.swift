import CPCRE2
import Synchronization

/// A regular expression of ECMA-262, compiled once, whose matches take a bounded number of steps.
// Unchecked because of `code` alone: PCRE2 never changes compiled code after `pcre2_jit_compile`, which runs in the
// initializer, and documents it as safe to share between threads. What a match writes to is taken out of `pool`,
// under its lock, for as long as the match runs.
final class Pattern: @unchecked Sendable {
  enum Outcome {
    case matches
    case differs
    /// The match was given up: it took more steps or memory than it may.
    case tooCostly
  }

  let source: String
  private let code: OpaquePointer
  private let limit: Int
  private let pool = Mutex<[Scratch]>([])

  /// What one match writes to.
  private struct Scratch: @unchecked Sendable {
    // Unchecked because only one thread has it: it is in the pool, or in one call of `match`.
    let data: OpaquePointer
    let context: OpaquePointer
  }

  init(_ source: String, limit: Int) throws(PatternError) {
    self.source = source
    self.limit = limit
    let (compiled, fault) = Pattern.compile(try ECMAScriptPattern.translated(source))
    guard let compiled else {
      throw PatternError(offset: source.unicodeScalars.count, reason: Pattern.message(fault))
    }
    code = compiled
    // Where there is no JIT (or no memory it may execute) the interpreter does the same, more slowly.
    _ = pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE)
  }

  deinit {
    pool.withLock { scratches in
      for scratch in scratches {
        pcre2_match_data_free_8(scratch.data)
        pcre2_match_context_free_8(scratch.context)
      }
    }
    pcre2_code_free_8(code)
  }

  /// Whether a text is a regular expression, be it one that cannot be used here.
  static func isPattern(_ source: String) -> Bool {
    let translated: String
    do throws(PatternError) {
      translated = try ECMAScriptPattern.translated(source)
    } catch {
      return error.isUnsupported
    }
    let (compiled, fault) = compile(translated)
    if let compiled { pcre2_code_free_8(compiled) }
    // ECMAScript looks back any distance, PCRE2 before version 10.43 only a fixed one.
    return compiled != nil || fault == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH
  }

  private static func compile(_ pattern: String) -> (code: OpaquePointer?, fault: Int32) {
    var fault: Int32 = 0
    var offset = 0
    let options =
      PCRE2_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY
      | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF
    let code = Array(pattern.utf8).withUnsafeBufferPointer {
      pcre2_compile_8($0.baseAddress, $0.count, options, &fault, &offset, nil)
    }
    return (code, fault)
  }

  /// Whether the pattern is found anywhere in the text.
  ///
  /// `steps` is what is left of those of a validation: a match that takes many takes of them.
  func match(_ text: String, steps: inout Int) -> Outcome {
    let outcome = text.utf8.withContiguousStorageIfAvailable { match($0, steps: &steps) }
    if let outcome { return outcome }
    return Array(text.utf8).withUnsafeBufferPointer { match($0, steps: &steps) }
  }

  private func match(_ text: UnsafeBufferPointer<UInt8>, steps: inout Int) -> Outcome {
    let taken = pool.withLock { $0.popLast() }
    guard let scratch = taken ?? makeScratch() else { return .tooCostly }
    defer { pool.withLock { $0.append(scratch) } }
    // A search through a long text takes some steps at each of its places without being costly.
    let forLength = text.count &* 8
    let (sum, overflow) = limit.addingReportingOverflow(forLength)
    let most = min(overflow ? Int.max : sum, Int(UInt32.max))
    // PCRE2 does not tell how many steps it took. So it gets few, and more of them only for a price: a step of a match
    // takes about an eighth of the time that one of a validation takes.
    var allowed = min(4000 &+ forLength, most)
    var result: Int32
    while true {
      pcre2_set_match_limit_8(scratch.context, UInt32(clamping: allowed))
      result = run(text, scratch, PCRE2_NO_UTF_CHECK)
      if result == PCRE2_ERROR_JIT_STACKLIMIT {
        result = run(text, scratch, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT)
      }
      guard result == PCRE2_ERROR_MATCHLIMIT else { break }
      steps &-= allowed / 8
      guard allowed < most else { break }
      allowed = min(allowed * 8, most)
    }
    if result >= 0 { return .matches }
    return result == PCRE2_ERROR_NOMATCH ? .differs : .tooCostly
  }

  private func run(
    _ text: UnsafeBufferPointer<UInt8>,
    _ scratch: Scratch,
    _ options: UInt32
  ) -> Int32 {
    guard let base = text.baseAddress else {
      return withUnsafePointer(to: 0 as UInt8) {
        pcre2_match_8(code, $0, 0, 0, options, scratch.data, scratch.context)
      }
    }
    return pcre2_match_8(code, base, text.count, 0, options, scratch.data, scratch.context)
  }

  private func makeScratch() -> Scratch? {
    guard let data = pcre2_match_data_create_8(1, nil),
      let context = pcre2_match_context_create_8(nil)
    else { return nil }
    // In kibibytes.
    pcre2_set_heap_limit_8(context, 16384)
    return Scratch(data: data, context: context)
  }

  private static func message(_ code: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(code, &buffer, buffer.count)
    return length > 0
      ? String(decoding: buffer[..<Int(length)], as: UTF8.self) : "PCRE2 error \(code)"
  }
}
