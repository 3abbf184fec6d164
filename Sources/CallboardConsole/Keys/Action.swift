/// What a key can mean; the raw value is its name in the configuration of keys.
enum Action: String, Sendable, CaseIterable {
  case approve
  case deny
  case edit
  case settle
  case extend
  case runAgain = "run_again"
  case cancel
  case pause
  case message
  case toggle
  case breaker
  case clearCache = "clear_cache"
  case undo
  case mark
  case unmarkAll = "unmark_all"
  case open
  case paneDown = "pane_down"
  case paneUp = "pane_up"
  case goConversation = "go_conversation"
  case goFunction = "go_function"
  case hold
  case follow
  case sort
  case reverse
  case filter
  case next
  case previous
  case command
  case copy
  case write
  case back
  case quit
  case help
  case down
  case up
  case pageDown = "page_down"
  case pageUp = "page_up"
  case first
  case last
  case nextScreen = "next_screen"
  case previousScreen = "previous_screen"
  case overview
  case waiting
  case calls
  case conversations
  case functions
  case workflows
  case errors
  case audit
  case repaint
  case suspend
}
