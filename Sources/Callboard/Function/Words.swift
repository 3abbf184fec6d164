/// What the words of names and descriptions say of a function and its parameters.
enum Words {
  /// The words of `sendWireTransfer`, `send-wire_transfer` or a sentence, in small letters.
  static func of(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var last: Character?
    func isSmall(_ letter: Character?) -> Bool {
      letter.map { $0.isLowercase || $0.isNumber } ?? false
    }
    for letter in text {
      guard letter.isLetter || letter.isNumber else {
        if !word.isEmpty { words.append(word) }
        word = ""
        last = nil
        continue
      }
      if letter.isUppercase, isSmall(last), !word.isEmpty {
        words.append(word)
        word = ""
      }
      word += letter.lowercased()
      last = letter
    }
    if !word.isEmpty { words.append(word) }
    return words
  }

  static func singular(_ word: String) -> String {
    guard word.count > 3, word.hasSuffix("s"), !word.hasSuffix("ss") else { return word }
    if word.hasSuffix("ies") { return word.dropLast(3) + "y" }
    return String(word.dropLast())
  }

  /// Whether a name's first word says what the function does.
  ///
  /// A verb that is not in the list is known by a description that begins with it: `defenestrate`, “Defenestrates…”.
  static func isVerb(_ word: String, described description: String) -> Bool {
    if verbs.contains(word) { return true }
    let words = of(description)
    // “Addresses of people” is no deed.
    guard let first = words.first, word.count > 2, words.dropFirst().first != "of" else {
      return false
    }
    let stem = word.hasSuffix("e") || word.hasSuffix("y") ? String(word.dropLast()) : word
    return first.hasPrefix(stem) && first.count <= stem.count + 4 && first.hasSuffix("s")
      && first != word
  }

  static let verbs = Set(
    """
    abort accept access acquire activate adapt add adjust advance aggregate alert align allocate allow amend analyse \
    analyze annotate answer append apply approve archive arrange ask assemble assert assess assign attach authenticate \
    authorise authorize balance ban batch begin bind block book boost bring browse build calc calculate call cancel \
    capture cast change charge check choose claim classify clean clear click clone close cluster collect combine \
    commit compare compile complete compose compress compute concatenate configure confirm connect consolidate \
    construct contact continue convert copy correct count crawl create crop cut deactivate debit debug decline decode \
    decompose decrease decrypt deduct define delete deliver deny deploy deposit derive describe deselect design \
    destroy detect determine develop diagnose differentiate disable discard disconnect discover dismiss dispatch \
    display divide do download draft drain draw drop dump duplicate edit eject eliminate email enable encode encrypt \
    end enhance enqueue enroll ensure enter enumerate escalate establish estimate evaluate examine exchange execute \
    exit expand expire explain explore export express extend extract factor factorize fetch fill filter finalize find \
    finish fit fix flag flatten flip flush follow forecast format forward free freeze fund gather generate geocode get \
    give go grade grant group guess halt handle hash hide hold identify ignore implement import improve increase \
    increment index infer inform initialize initiate insert inspect install integrate interpolate interpret invalidate \
    invert invite invoke issue join keep kick kill label launch leave lend limit link list listen load locate lock log \
    login logout look lookup make manage map mark match measure merge migrate minimize mirror mock modify monitor mount \
    move multiply mute name navigate negate normalize notify observe obtain offer open operate optimize order organize \
    outline override pack parse partition pass paste patch pause pay perform pick pin ping place plan play plot poll \
    populate post predict prepare prescribe preview print prioritize process produce project promote propose protect \
    provide provision publish pull purchase purge push put query queue quote raise rank rate read rebalance reboot \
    rebuild recall receive recognize recommend reconcile record recover redeem redirect redo reduce refactor refill \
    refresh refund refuse register reject release reload relocate remind remove rename render renew rent reopen reorder \
    repair repay repeat replace replay reply report reproduce request require reschedule reserve reset resize resolve \
    respond restart restore restrict resume retrieve retry return reverse revert review revise revoke roll rotate round \
    route run sample save say scale scan schedule score scrape search secure seed segment select sell send sense \
    separate serialize serve set setup share ship show shuffle shut sign simplify simulate skip sleep slice snooze \
    solve sort specify split stage start stop store stream subscribe submit subtract suggest sum summarise summarize \
    suspend swap switch sync synchronize synthesize tag take terminate test toggle touch trace track trade train \
    transcribe transfer transform translate transpose travel trigger trim try turn tweet unblock undo unfollow unfreeze \
    uninstall unlink unlock unmute unpack unregister unsubscribe update upgrade upload use validate verify view visit \
    visualize vote wait wake warn watch withdraw withhold wrap write zip zoom
    """.split(separator: " ").map(String.init)
  )

  /// Words that say nothing of what a function is for.
  static let empty = Set(
    "a an and are as at be by for from in into is it its of on or that the this thi to using with given"
      .split(
        separator: " "
      ).map(String.init)
  )

  // MARK: - Parameters

  /// The format of texts whose name says that they are in one.
  static func format(ofParameter name: String) -> String? {
    let words = of(name)
    guard let last = words.last else { return nil }
    if words.suffix(2) == ["email", "address"] { return "email" }
    if words.suffix(2) == ["ip", "address"] { return "ipv4 or ipv6" }
    if words.suffix(2) == ["date", "time"] { return "date-time" }
    if words.count > 1, last == "at", words[words.count - 2].hasSuffix("ed") {
      return "date-time"
    }
    return formats[last]
  }

  private static let formats = [
    "date": "date", "birthday": "date", "birthdate": "date", "datetime": "date-time",
    "timestamp": "date-time", "time": "time, or date-time", "email": "email", "mail": "email",
    "url": "uri", "uri": "uri", "link": "uri", "website": "uri", "webhook": "uri", "uuid": "uuid",
    "guid": "uuid", "ip": "ipv4 or ipv6", "hostname": "hostname", "regex": "regex",
  ]

  /// Whether a number of this name is nothing without its unit.
  static func needsUnit(_ name: String) -> Bool {
    guard let last = of(name).last.map(singular) else { return false }
    return quantities.contains(last)
  }

  private static let quantities = Set(
    """
    acceleration age altitude amount angle area balance bandwidth bitrate budget capacity cost current delay density \
    depth diameter displacement distance duration elevation energy fee force frequency fund height income interval \
    latency latitude length longitude loss mass payment period power pressure price profit radius resistance revenue \
    salary size speed temperature thickness timeout ttl velocity voltage volume wage wavelength weight width
    """.split(separator: " ").map(String.init)
  )

  /// Whether a parameter of this name says in which unit another one is.
  static func isUnit(_ name: String) -> Bool {
    of(name).contains { ["currency", "unit"].contains(singular($0)) }
  }

  /// Whether name or description names a unit.
  static func nameUnit(_ name: String, _ description: String) -> Bool {
    if description.contains(where: { "%°$€£¥²³µ".contains($0) }) { return true }
    let words = of(name) + of(description)
    return words.contains { units.contains($0) || units.contains(singular($0)) }
  }

  private static let units = Set(
    """
    acre ampere amp atm bar bit bps btu byte celsius cent centigrade centimeter centimetre cm coulomb cubic currency \
    day db decibel degree dollar eur euro fahrenheit farad feet foot fps ft gal gallon gb gbp gib gram hectare hertz \
    horsepower hour hr hz inch inches in joule kb kcal kelvin kg khz kib kilogram kilometer kilometre kilowatt km kmh \
    kpa kph kw kwh lb lbs liter litre lumen lux ma mb mbps mcg meter metre mg mhz mib mile milligram millimeter \
    millimetre millisecond min minute ml mm mol mole month mph mpg ms newton ns ohm ounce oz pascal percent percentage \
    pixel pound ppm psi px quarter radian rpm second sec square stone tb tesla ton tonne unit us usd volt watt week \
    yard year yen yr
    """.split(separator: " ").map(String.init)
  ).subtracting(["in", "us", "min"])
}
