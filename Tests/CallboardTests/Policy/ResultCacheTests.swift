import JSONSchema
import Testing

@testable import Callboard

struct ResultCacheTests {
  let leader = CallID(UUIDv7(high: 1, low: 1))
  let follower = CallID(UUIDv7(high: 1, low: 2))
  let ttl = Duration.seconds(300)

  func key(
    _ arguments: JSONValue = ["city": "Bern"],
    caller: String = "agent-1",
    hash: String = "h",
    scope: CachePolicy.Scope = .caller,
    name: String = "weather.now"
  ) throws -> ResultCache.Key {
    let function = FunctionDefinition(
      name: try #require(FunctionName(name)),
      description: "",
      effect: .read,
      cache: CachePolicy(scope: scope)
    )
    return ResultCache.Key(
      function: function,
      definitionHash: hash,
      caller: caller,
      arguments: arguments
    )
  }

  func hit(_ answer: ResultCache.Answer) -> JSONValue? {
    if case .hit(let value) = answer { value } else { nil }
  }

  /// Keeps an answer, as a call does that leads a flight.
  func keep(
    _ value: JSONValue,
    _ key: ResultCache.Key,
    in cache: ResultCache,
    now: Duration = .zero
  ) {
    _ = cache.look(key, ttl: .zero, now: now, leading: leader)
    cache.land(key, leader: leader, .succeeded(value), now: now)
  }

  // MARK: Keys

  @Test func `the order of arguments and the spelling of numbers make no other key`() throws {
    #expect(try key(["a": 1, "b": 2]) == key(["b": 2.0, "a": 1]))
    #expect(try key(["a": 1]) != key(["a": "1"]))
  }

  @Test func `an answer is its caller's own, unless the function shares it`() throws {
    #expect(try key(caller: "agent-1") != key(caller: "agent-2"))
    #expect(try key(caller: "agent-1", scope: .shared) == key(caller: "agent-2", scope: .shared))
  }

  @Test func `another function or definition has other answers`() throws {
    #expect(try key() != key(name: "weather.later"))
    #expect(try key() != key(hash: "h2"))
  }

  // MARK: Answers

  @Test func `an answer stands until its time is over`() throws {
    let cache = ResultCache()
    let key = try key()
    keep(["t": 20], key, in: cache, now: .seconds(10))
    #expect(hit(cache.look(key, ttl: ttl, now: .seconds(309.9), leading: nil)) == ["t": 20])
    #expect(hit(cache.look(key, ttl: ttl, now: .seconds(310), leading: nil)) == nil)
    #expect(cache.stale(key) == ["t": 20], "as a stale answer it stays")
  }

  @Test func `a use does not make an answer younger`() throws {
    let cache = ResultCache()
    let key = try key()
    keep(1, key, in: cache)
    _ = cache.look(key, ttl: ttl, now: .seconds(299), leading: nil)
    #expect(hit(cache.look(key, ttl: ttl, now: .seconds(300), leading: nil)) == nil)
  }

  @Test func `clearing forgets one function's answers, or all`() throws {
    let cache = ResultCache()
    keep(1, try key(), in: cache)
    keep(2, try key(["city": "Basel"]), in: cache)
    keep(3, try key(name: "weather.later"), in: cache)
    #expect(cache.clear(function: "weather.now") == 2)
    #expect(cache.size.entries == 1)
    #expect(cache.clear(function: nil) == 1)
    #expect(cache.size == (0, 0))
  }

  // MARK: Bounds

  @Test func `beyond its entries the least recently used goes first`() throws {
    let cache = ResultCache(maxEntries: 3)
    let keys = try (0..<4).map { try key(["n": .integer(Int64($0))]) }
    for index in 0..<3 { keep(.integer(Int64(index)), keys[index], in: cache) }
    _ = cache.look(keys[0], ttl: ttl, now: .zero, leading: nil)
    keep(3, keys[3], in: cache)
    #expect(cache.size.entries == 3)
    #expect(keys.map { cache.stale($0) != nil } == [true, false, true, true])
  }

  @Test func `beyond its bytes the least recently used go first`() throws {
    let text = String(repeating: "x", count: 1000)
    let cache = ResultCache(maxEntries: 1000, maxBytes: 5000)
    let keys = try (0..<10).map { try key(["n": .integer(Int64($0))]) }
    for key in keys {
      keep(.string(text), key, in: cache)
      #expect(cache.size.bytes <= 5000)
    }
    #expect(cache.size.entries == 4)
    #expect(keys.suffix(4).allSatisfy { cache.stale($0) != nil })
  }

  @Test func `one answer can't push out most of the others`() throws {
    let cache = ResultCache(maxEntries: 10, maxBytes: 4000)
    keep(.string(String(repeating: "x", count: 2000)), try key(), in: cache)
    #expect(cache.size == (0, 0))
  }

  @Test func `an answer kept again replaces the one before`() throws {
    let cache = ResultCache()
    let key = try key()
    keep("short", key, in: cache)
    let bytes = cache.size.bytes
    keep("a longer one", key, in: cache, now: .seconds(400))
    #expect(cache.size == (1, bytes + 7))
    #expect(hit(cache.look(key, ttl: ttl, now: .seconds(401), leading: nil)) == "a longer one")
  }

  @Test func `neither looking nor keeping the same answer again takes memory`() throws {
    let cache = ResultCache()
    let key = try key()
    for second in 0..<2000 {
      keep(1, key, in: cache, now: .seconds(second))
      _ = cache.look(key, ttl: ttl, now: .seconds(second), leading: nil)
    }
    #expect(cache.notedUses <= 2 * cache.size.entries + 64)
    let stored = ResultCache()
    for second in 0..<2000 { keep(1, key, in: stored, now: .seconds(second)) }
    #expect(stored.notedUses <= 2 * stored.size.entries + 64)
  }

  // MARK: Flights

  @Test func `who looks first leads, and an identical call finds it running`() throws {
    let cache = ResultCache()
    let key = try key()
    guard case .miss = cache.look(key, ttl: ttl, now: .zero, leading: leader) else {
      Issue.record("nobody had it")
      return
    }
    guard case .running(leader) = cache.look(key, ttl: ttl, now: .zero, leading: follower) else {
      Issue.record("it is running")
      return
    }
  }

  @Test func `who only looks does not lead`() throws {
    let cache = ResultCache()
    let key = try key()
    _ = cache.look(key, ttl: ttl, now: .zero, leading: nil)
    #expect(cache.join(key, as: follower) == nil)
  }

  @Test func `a landing is everybody's who joined`() async throws {
    let cache = ResultCache()
    let key = try key()
    _ = cache.look(key, ttl: ttl, now: .zero, leading: leader)
    let others = (2..<5).map { CallID(UUIDv7(high: 1, low: $0)) }
    let landings = try others.map { try #require(cache.join(key, as: $0)) }
    cache.land(key, leader: leader, .succeeded(7), now: .zero)
    for landing in landings {
      guard case .succeeded(7) = await landing.value else {
        Issue.record("it did not hear the answer")
        continue
      }
    }
    #expect(cache.join(key, as: follower) == nil, "the flight is over")
  }

  @Test func `a failed flight keeps no answer`() async throws {
    let cache = ResultCache()
    let key = try key()
    _ = cache.look(key, ttl: ttl, now: .zero, leading: leader)
    let landing = try #require(cache.join(key, as: follower))
    cache.land(key, leader: leader, .failed(CallFailure(.timeout, "No answer.")), now: .zero)
    guard case .failed(let failure) = await landing.value else {
      Issue.record("it did not hear of the failure")
      return
    }
    #expect(failure.kind == .timeout)
    #expect(cache.size.entries == 0)
    guard case .miss = cache.look(key, ttl: ttl, now: .zero, leading: follower) else {
      Issue.record("the next one leads")
      return
    }
  }

  @Test func `a call that leaves hears at once, and the flight goes on without it`() async throws {
    let cache = ResultCache()
    let key = try key()
    _ = cache.look(key, ttl: ttl, now: .zero, leading: leader)
    let landing = try #require(cache.join(key, as: follower))
    cache.leave(key, follower)
    guard case .otherwise = await landing.value else {
      Issue.record("it left")
      return
    }
    cache.land(key, leader: leader, .succeeded(7), now: .zero)
    #expect(cache.stale(key) == 7)
  }

  @Test func `only its leader lands a flight`() throws {
    let cache = ResultCache()
    let key = try key()
    _ = cache.look(key, ttl: ttl, now: .zero, leading: leader)
    let landing = try #require(cache.join(key, as: follower))
    cache.land(key, leader: follower, .otherwise, now: .zero)
    #expect(landing.current == nil)
  }
}
