import Testing

/// Everything here runs the program itself, one session after the other: two cores are shared with it.
@Suite(.serialized) enum EndToEnd {}
