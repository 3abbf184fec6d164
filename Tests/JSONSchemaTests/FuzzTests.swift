import Foundation
import JSONSchema
import Testing

/// Feeds what nobody would write, from generators whose numbers are the same in every run.
///
/// `config/fuzz.sh` runs these for as long as wanted under the address sanitizer: `CALLBOARD_FUZZ_ROUNDS` multiplies
/// the rounds, `CALLBOARD_FUZZ_SEED` moves the seeds on.
@Suite struct FuzzTests {
  private static func setting(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  private static let rounds = setting("CALLBOARD_FUZZ_ROUNDS") ?? 1
  private static let seeds = (0..<4).map { UInt64((setting("CALLBOARD_FUZZ_SEED") ?? 0) * 4 + $0) }

  /// Documents to change: of JSONTestSuite where it is there, else a few of every kind.
  private static let documents: [[UInt8]] = {
    let own = [
      #"{"a":[1,-2.5e+10,true,null,"x\u00e9\n"],"b":{"c":{},"d":[]},"e":"\ud83d\ude00"}"#,
      #"[[[[1.0000000000000000001]]],"äöü€😀",{"k":9223372036854775808}]"#,
      "[-0,-0.0,1E400,123456789012345678901234567890,0.1e-999]",
    ].map { Array($0.utf8) }
    let files = (try? SharedData.files(in: SharedData.folder("json-parsing"))) ?? []
    return own + files.compactMap { try? SharedData.bytes($0) }.filter { $0.count < 5000 }
  }()

  private static let alphabet =
    Array("{}[]\",:\\0123456789eE+-.u tfn\u{7F}\u{0}ä€😀".utf8) + [0xFF, 0xED, 0xC0, 0xF4, 0x80]

  /// Changes some bytes; inserts, removes, repeats and joins pieces.
  private static func change(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...8, using: &generator) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      let end = min(bytes.count, place + Int.random(in: 1...24, using: &generator))
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[place] = alphabet.randomElement(using: &generator) ?? 0
      case 1: bytes.removeSubrange(place..<end)
      case 2: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: place)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
      case 4: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      default:
        let other = documents.randomElement(using: &generator) ?? []
        bytes.insert(contentsOf: other.prefix(40), at: place)
      }
    }
  }

  @Test(arguments: seeds)
  func `changed documents are refused or survive being written, also in canonical form`(
    seed: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1500 * Self.rounds {
      var bytes = Self.documents.randomElement(using: &generator) ?? []
      Self.change(&bytes, using: &generator)
      guard let value = try? JSONValue(parsing: bytes) else { continue }
      #expect(try JSONValue(parsing: value.serialized()) == value)
      #expect(try JSONValue(parsing: value.canonicalBytes()) == value)
    }
  }

  @Test(arguments: seeds)
  func `random bytes are refused with a place within the text, or are a value`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<3000 * Self.rounds {
      let count = Int.random(in: 0...40, using: &generator)
      let isTame = Bool.random(using: &generator)
      let bytes = (0..<count).map { _ in
        isTame
          ? Self.alphabet.randomElement(using: &generator) ?? 0
          : UInt8.random(in: 0...255, using: &generator)
      }
      do throws(JSONParseError) {
        _ = try JSONValue(parsing: bytes)
      } catch {
        #expect((0...bytes.count).contains(error.offset))
        #expect(error.line >= 1 && error.column >= 1 && !error.reason.isEmpty)
      }
    }
  }

  @Test(arguments: seeds)
  func `changed patterns are refused or answer, whatever the text`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let patterns = [
      "^[0-9]{5}(-[0-9]{4})?$", #"^\p{Letter}+\s\d{2,}?(?<year>\d{4})\k<year>$"#, "(a+)+$",
      #"[^\]\w\u{1F600}-\u{1F64F}]*(?=x|y)(?!z)"#, #"(?<=\$)\cA\x41\u0041[\b]"#,
    ].map(Array.init)
    let pieces = Array(#"()[]{}*+?|^$\.,-<>=!:&~dDwWsSbBpPuxck0123456789azAZ€😀"#)
    let texts: [JSONValue] = [
      "", "aaaaaaaaaaaaaaaaaaaaaaaa!", "90210-1234", "Ä 12 2024", "😀$A\u{1}",
    ]
    for _ in 0..<300 * Self.rounds {
      var pattern = patterns.randomElement(using: &generator) ?? []
      for _ in 0..<Int.random(in: 1...5, using: &generator) {
        let place = Int.random(in: 0...pattern.count, using: &generator)
        if Bool.random(using: &generator), place < pattern.count {
          pattern.remove(at: place)
        } else {
          pattern.insert(pieces.randomElement(using: &generator) ?? "a", at: place)
        }
      }
      let schema = try? Schema(
        ["pattern": .string(String(pattern))],
        options: SchemaOptions(patternMatchLimit: 10_000)
      )
      guard let schema else { continue }
      for text in texts { #expect(schema.validate(text).isEmpty == schema.isValid(text)) }
    }
  }

  @Test(arguments: seeds)
  func `changed texts are of a format or not, and nothing else happens`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let samples = [
      "date-time": "2024-02-29T23:59:60.123+05:30", "date": "2024-02-29", "time": "23:59:60Z",
      "duration": "P1Y2M3DT4H5M6S", "email": "\"a b\"@[IPv6:::1]", "idn-email": "ä@ö.example",
      "hostname": "xn--4gbwdl.example", "idn-hostname": "例え.テスト", "ipv4": "192.0.2.1",
      "ipv6": "fe80::1:192.0.2.1", "uri": "http://u@h:1/p/%41?q#f", "uri-reference": "../a;b?c#d",
      "iri": "http://ä/ö?ü", "iri-reference": "ä#ö", "uri-template": "/a{?b*,c:3}{/d}",
      "uuid": "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "json-pointer": "/a~0b/~1c",
      "relative-json-pointer": "1/a", "regex": "^(a|b)*[c-d]{2}$",
    ]
    for (format, sample) in samples.sorted(by: { $0.key < $1.key }) {
      let schema = try Schema(["format": .string(format)])
      for _ in 0..<100 * Self.rounds {
        var bytes = Array(sample.utf8)
        Self.change(&bytes, using: &generator)
        let value = JSONValue.string(String(decoding: bytes, as: UTF8.self))
        #expect(schema.validate(value).isEmpty == schema.isValid(value))
      }
    }
  }
}
