import Callboard
import CallboardTerminal

// The rows around the body: title, tabs, banner, status, hints.
extension Painter {
  mutating func paintTitle() {
    let header = sight.header
    let needs = header.needs
    if width < 6 {
      let text: SafeText =
        header.linkFault != nil
        ? "gone" : header.held != nil ? "H\(needs)" : needs > 0 ? "\(needs)!" : "ok"
      frame.grid.put(text.prefix(width), row: 0, column: 0, style: needs > 0 ? .warning : .plain)
      return
    }
    if width < 24 {
      var text: SafeText = "wait \(header.waiting)"
      if header.unknown > 0 { text += " ?\(header.unknown)" }
      if header.held != nil { text = "HELD " + text }
      if header.linkFault != nil { text = "GONE " + text }
      frame.grid.put(
        text,
        row: 0,
        column: 0,
        style: needs > 0 || header.held != nil ? .warning : .title
      )
      return
    }
    var at = 1
    let name: SafeText = "callboard · \(untrusted: header.name, limit: 60)"
    if layout.banner == nil,
      header.held != nil || header.storeFault != nil || header.linkFault != nil
    {
      let text: SafeText =
        header.linkFault != nil
        ? " INSTANCE GONE "
        : header.storeFault == nil
          ? " HELD " : header.held == nil ? " STORE FAILS " : " HELD · STORE FAILS "
      at += frame.grid.put(text, row: 0, column: 0, style: .banner)
    }
    let pieces = titlePieces()
    let isWide = width >= Layout.narrow
    if isWide {
      at += frame.grid.put(name, row: 0, column: at, width: width / 3, style: .title) + 2
    }
    var shown: [Span] = []
    var used = 0
    for piece in pieces {
      let more = cellWidth(piece.text) + (shown.isEmpty ? 0 : 3)
      guard at + used + more < width else { break }
      if !shown.isEmpty { shown.append(Span(" · ", .faint)) }
      shown.append(piece)
      used += more
    }
    frame.grid.draw(
      Line(shown),
      row: 0,
      column: isWide ? max(at, width - used - 1) : at,
      width: width
    )
    if !isWide {
      let rest = width - at - used - 3
      let short = cellWidth(name) <= rest ? name : "callboard"
      if cellWidth(short) <= rest {
        frame.grid.put(short, row: 0, column: width - cellWidth(short) - 1, style: .faint)
      }
    }
  }

  private func titlePieces() -> [Span] {
    let header = sight.header
    var pieces = [
      Span("waiting \(header.waiting)", header.waiting > 0 ? .warning : .plain),
      Span("unknown \(header.unknown)", header.unknown > 0 ? .bad : .plain),
      Span("running \(header.running)"),
      Span("errors \(header.recentErrors)/5m", header.recentErrors > 0 ? .warning : .plain),
    ]
    if header.changedDefinitions > 0 {
      pieces.insert(Span("changed \(header.changedDefinitions)", .warning), at: 2)
    }
    if let rate = header.hitRate { pieces.append(Span("cache \(percent(rate))")) }
    if let p95 = header.p95 { pieces.append(Span("p95 \(lasting(p95))")) }
    if !header.store.isEmpty {
      pieces.append(Span("store \(untrusted: header.store, limit: 40)", .faint))
    }
    return pieces
  }

  mutating func paintTabs() {
    guard let row = layout.tabs else { return }
    let isWide = width >= Layout.narrow
    var at = 1
    for screen in Screen.allCases {
      var text: SafeText =
        isWide ? "\(screen.rawValue) \(screen.title)" : "\(screen.rawValue)\(screen.shortTitle)"
      let needs = sight.header.needs
      if screen == .waiting, needs > 0 { text += " \(needs)" }
      let isShown = screen == model.screen
      let attention = screen == .waiting && needs > 0
      let style: Style = isShown ? .title : attention ? .warning : .faint
      at += frame.grid.put(
        isShown ? "[\(text)]" : isWide ? " \(text) " : text,
        row: row,
        column: at,
        style: style
      )
      at += 1
      guard at < width else { return }
    }
  }

  mutating func paintBanner() {
    guard let row = layout.banner else { return }
    var texts = bannerTexts
    if texts.count > layout.bannerHeight { texts = [" HELD ·" + (texts.first ?? "")] }
    for (offset, text) in texts.enumerated() {
      frame.grid.clear(row: row + offset, style: .banner)
      frame.grid.put(text, row: row + offset, column: 0, style: .banner)
    }
  }

  /// What keeps things from starting or from being kept: each in a row, so that none cuts another off.
  private var bannerTexts: [SafeText] {
    let header = sight.header
    if let fault = header.linkFault {
      // What else stands here is of then.
      return [
        " GONE since \(moment.clock(fault.since)): \(untrusted: fault.why, limit: 300) · this is what was before"
      ]
    }
    var texts: [SafeText] = []
    if let fault = header.storeFault { texts.append(" STORE: \(untrusted: fault, limit: 300)") }
    if let held = header.held {
      let releases: SafeText = model.mayAct ? " · \(model.keys.key(of: .hold)) releases" : ""
      texts.append(
        " HELD by \(untrusted: held.by, limit: 60) since \(moment.clock(held.at)) · nothing new starts"
          + releases
      )
    }
    return texts
  }

  mutating func paintStatus() {
    guard let row = layout.status, layout.statusHeight > 0 else { return }
    if said.isSpoken {
      // The end of a prompt is where the cursor is.
      let skipped = max(0, said.lines.count - layout.statusHeight)
      for (offset, line) in said.lines.dropFirst(skipped).enumerated() {
        frame.grid.draw(line, row: row + offset, column: 0, width: width)
      }
      if let cursor = said.cursor, cursor.line >= skipped {
        frame.grid.cursor = (row + cursor.line - skipped, min(cursor.column, width - 1))
      }
      return
    }
    var right = who()
    func room() -> Int { max(1, right.isEmpty ? width - 2 : width - cellWidth(right) - 3) }
    if cellWidth(standing(filterWidth: 120)) > room() {
      // What the list shows counts more than who looks at it, which does not change.
      right = model.mayAct ? "" : "read-only"
    }
    frame.grid.put(right, row: row, column: max(0, width - cellWidth(right) - 1), style: .faint)
    let left = standing(room: room())
    frame.grid.put(left, row: row, column: 1, width: room(), style: .faint)
  }

  private func who() -> SafeText {
    let name = SafeText(untrusted: model.principal.name, limit: 40)
    let role: SafeText = model.principal.mayDecide ? "operator" : "viewer"
    return (model.mayAct ? "" : "read-only · ") + "\(name), \(role)"
  }

  /// Position and total, filter, sort, follow or frozen; a long filter is cut so that what it hides is still said.
  private func standing(room: Int) -> SafeText {
    let whole = standing(filterWidth: 120)
    let over = cellWidth(whole) - room
    guard over > 0, case .screen = model.place, !model.list.filter.isEmpty else { return whole }
    return standing(filterWidth: max(8, cellWidth(filterText) - over))
  }

  private var filterText: SafeText {
    let text = SafeText(untrusted: model.list.filter.text, limit: 120)
    return isUTF8 ? text : text.ascii
  }

  private func standing(filterWidth: Int) -> SafeText {
    var parts: [SafeText] = []
    if model.requestsOnTheWay > 0 {
      parts.append("\(counted(model.requestsOnTheWay, "request", "requests")) on the way")
    }
    switch model.place {
    case .screen(let screen) where screen.isList:
      let state = model.list
      let total = sight.rows.total
      switch state.cursor {
      case .row(_, let index): parts.append("\(index + 1) of \(total)")
      case .gap: parts.append("gap, \(counted(total, "other", "others"))")
      case .nothing, .wanted: parts.append(total == 0 ? "none" : "of \(total)")
      }
      if !state.filter.isEmpty {
        let text = filterText
        let shown =
          cellWidth(text) <= filterWidth ? text : text.prefix(max(1, filterWidth - 1)) + "…"
        parts.append("filter \(shown), \(sight.rows.hidden) hidden")
      } else if screen == .waiting, sight.rows.hidden > 0 {
        parts.append("\(sight.rows.hidden) hidden")
      }
      let marked = model.marks.on(screen).count
      if marked > 0 { parts.append("\(marked) marked") }
      if screen == .audit, let left = sight.departure {
        let new = sight.header.seq - left.seq
        parts.append("\(new) since you left, \(moment.clock(left.at))")
      }
      if sight.rows.isTooLongToFold {
        parts.append("too many to fold: \(model.keys.key(of: .filter)) narrows")
      }
      if let notice = sight.rows.notice {
        parts.append(SafeText(untrusted: notice, limit: 200))
      } else {
        parts.append(screen.words(for: state.sort) + (state.isReversed ? ", reversed" : ""))
      }
      if let frozen = state.frozen {
        let new = max(0, sight.header.calls - frozen.calls)
        parts.append("frozen \(moment.clock(frozen.at)), \(counted(new, "new call", "new calls"))")
      }
    case .screen:
      parts.append("\(counted(sight.header.calls, "call", "calls")) since the start")
      if context.isGap { parts.append("the row under the cursor has left") }
    case .review(let id), .call(let id): parts.append("call \(SafeText(id))")
    case .conversation(let id):
      parts.append("conversation \(SafeText(id))")
      parts.append(model.scrolls[model.place]?.followsEnd == true ? "follows" : "stays")
    case .run(let id): parts.append("run \(untrusted: id.short)")
    case .function(let name): parts.append("function \(untrusted: name, limit: 128)")
    case .event(let seq): parts.append("event \(seq)")
    case .report: parts.append("what happened")
    case .batch: parts.append("what came of the batch")
    case .messages: parts.append("messages")
    case .grants: parts.append("grants")
    }
    if let search = model.search { parts.append("search “\(untrusted: search, limit: 60)”") }
    return parts.filter { !$0.isEmpty }.joined(separator: " · ")
  }

  /// The bindings that work here and now; neighbours of one meaning stand together.
  private func liveHints() -> [(key: SafeText, label: SafeText)] {
    var hints: [(key: SafeText, label: SafeText)] = []
    for binding in Binding.live(in: context)
    where !binding.binding.isMovement && binding.action != .help {
      let key = model.keys.key(of: binding.action)
      if let last = hints.last, last.label == binding.label {
        hints[hints.count - 1].key = "\(last.key) \(key)"
      } else {
        hints.append((key, binding.label))
      }
    }
    return hints
  }

  mutating func paintHints() {
    guard let row = layout.hints else { return }
    let hints: [(key: SafeText, label: SafeText)]
    if let prompt = model.prompt {
      hints = prompt.hints(sight)
    } else if model.showsHelp {
      hints = [(model.keys.key(of: .back), "close"), ("j k", "scroll")]
    } else {
      hints = liveHints()
    }
    let helps = model.prompt == nil && !model.showsHelp
    let help = model.keys.key(of: .help)
    let reserved = helps ? cellWidth(help) + (width >= 24 ? 7 : 1) : 0
    var at = width >= 24 ? 1 : 0
    for (key, label) in hints {
      let wide = cellWidth(key) + 1 + cellWidth(label)
      guard at + wide + reserved <= width || at <= 1 else { continue }
      at += frame.grid.put(key, row: row, column: at, style: .key) + 1
      at += frame.grid.put(label, row: row, column: at) + 2
      if at >= width { return }
    }
    if helps, at + cellWidth(help) <= width {
      at += frame.grid.put(help, row: row, column: at, style: .key) + 1
      frame.grid.put("help", row: row, column: at)
    }
  }
}

extension Header {
  /// How many things a banner has to say.
  var banners: Int {
    if linkFault != nil { return 1 }
    return (held == nil ? 0 : 1) + (storeFault == nil ? 0 : 1)
  }

  /// Everything that needs a person.
  var needs: Int { waiting + unknown + changedDefinitions }
}
