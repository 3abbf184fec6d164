// What Swift cannot import from ncurses and Linux, and the signal handlers, which must be C.
//
// The functions are static: every object file that uses them gets its own copy of the state below.
// Exactly one Swift file imports this module (CursesTerminal.swift), so there is one copy.
#ifndef CALLBOARD_CNCURSES_SHIM_H
#define CALLBOARD_CNCURSES_SHIM_H

// Not _GNU_SOURCE or _XOPEN_SOURCE: they change types of glibc that other modules have seen
// without.
#ifndef _XOPEN_SOURCE_EXTENDED
#define _XOPEN_SOURCE_EXTENDED 1
#endif
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <ncursesw/curses.h>

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

// What glibc hides without them.
extern int wcwidth(wchar_t);
extern int memfd_create(const char *, unsigned int);
extern int pipe2(int[2], int);
// From <ncursesw/term.h>, whose macros (`columns`, `lines`) would rename whatever comes after it.
extern char *tigetstr(const char *);
extern int tigetflag(const char *);
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

// MARK: widths

// The locale for callboard_wcwidth, or NULL on a system without it.
static inline void *callboard_utf8_locale(void) {
  return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

// wcwidth as ncurses calls it in a UTF-8 locale, also before setlocale and under LANG=C.
static inline int callboard_wcwidth(uint32_t scalar, void *utf8) {
  if (!utf8) return wcwidth((wchar_t)scalar);
  locale_t before = uselocale((locale_t)utf8);
  int width = wcwidth((wchar_t)scalar);
  uselocale(before);
  return width;
}

// MARK: ncurses

static inline WINDOW *callboard_stdscr(void) { return stdscr; }
static inline WINDOW *callboard_curscr(void) { return curscr; }
static inline int callboard_colours(void) { return COLORS; }
static inline int callboard_pairs(void) { return COLOR_PAIRS; }

enum {
  CALLBOARD_BOLD = 1,
  CALLBOARD_REVERSE = 2,
  CALLBOARD_UNDERLINE = 4,
  CALLBOARD_DIM = 8,
};

// One cell: a base, up to four marks that join it, flags of the enum above and a colour pair.
static inline int callboard_cell(
    cchar_t *cell, uint32_t base, uint32_t a, uint32_t b, uint32_t c, uint32_t d,
    unsigned flags, short pair) {
  wchar_t text[6] = {(wchar_t)base, (wchar_t)a, (wchar_t)b, (wchar_t)c, (wchar_t)d, 0};
  attr_t attributes = WA_NORMAL;
  if (flags & CALLBOARD_BOLD) attributes |= WA_BOLD;
  if (flags & CALLBOARD_REVERSE) attributes |= WA_REVERSE;
  if (flags & CALLBOARD_UNDERLINE) attributes |= WA_UNDERLINE;
  if (flags & CALLBOARD_DIM) attributes |= WA_DIM;
  return setcchar(cell, text, attributes, pair, NULL);
}

static inline const char *callboard_capability(const char *name) {
  char *value = tigetstr(name);
  return value == (char *)-1 ? NULL : value;
}

static inline const char *callboard_codeset(void) { return nl_langinfo(CODESET); }

// MARK: descriptors

static inline int callboard_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline int callboard_memory_file(void) {
  int file = memfd_create("callboard-messages", MFD_CLOEXEC);
  if (file >= 0) fcntl(file, F_SETFL, O_APPEND);
  return file;
}
static inline int callboard_pipe(int ends[2]) { return pipe2(ends, O_NONBLOCK | O_CLOEXEC); }
static inline int callboard_duplicate(int file) { return fcntl(file, F_DUPFD_CLOEXEC, 3); }
static inline int callboard_window_size(int file, int *columns, int *rows) {
  struct winsize size;
  if (ioctl(file, TIOCGWINSZ, &size) != 0) return -1;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}

// MARK: signals
//
// Handlers touch only this state: plain integers and bytes written before the handlers are
// installed, and the volatile flags. They call only functions that POSIX lists as
// async-signal-safe.

enum { CALLBOARD_RESTORE_SIZE = 1024, CALLBOARD_SIGNAL_LIMIT = 65 };

struct callboard_signal_state {
  volatile sig_atomic_t armed;    // the screen is up: a fatal signal has something to put back
  volatile sig_atomic_t outside;  // another program has the terminal: INT and QUIT are its own
  volatile sig_atomic_t ending;   // an ending signal came and the loop has not read it yet
  volatile time_t ending_since;   // in seconds of the monotonic clock
  int traces;                     // the runtime's own crash handler is wanted
  int terminal;                   // where the restoring bytes go
  int pipe;                       // wakes the loop
  int messages;                   // what was written to stderr meanwhile, or -1
  int standard_error;             // where that goes at the end, or -1
  struct termios modes;
  char restore[CALLBOARD_RESTORE_SIZE];
  int restore_length;
  struct sigaction before[CALLBOARD_SIGNAL_LIMIT];
  volatile sig_atomic_t installed[CALLBOARD_SIGNAL_LIMIT];
};

// Inside a function, because Swift emits the functions of a header and not its variables.
static inline struct callboard_signal_state *callboard_state(void) {
  static struct callboard_signal_state state;
  return &state;
}

static const int callboard_ending_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
static const int callboard_fatal_signals[] = {SIGABRT, SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE};
static const int callboard_other_signals[] = {SIGWINCH, SIGCONT, SIGTSTP};

static inline void callboard_write_all(int file, const char *bytes, int length) {
  while (length > 0) {
    ssize_t written = write(file, bytes, (size_t)length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes += written;
    length -= (int)written;
  }
}

// Prints what stderr gathered. Control bytes become '?': the text may come from anyone.
static inline void callboard_write_messages(void) {
  int from = callboard_state()->messages, to = callboard_state()->standard_error;
  if (from < 0 || to < 0) return;
  char bytes[512];
  off_t at = 0;
  unsigned char before = 0;
  for (;;) {
    ssize_t count = pread(from, bytes, sizeof bytes, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    for (ssize_t i = 0; i < count; i++) {
      unsigned char byte = (unsigned char)bytes[i];
      int control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
      if (control || (before == 0xC2 && byte < 0xA0 && byte >= 0x80)) bytes[i] = '?';
      before = byte;
    }
    callboard_write_all(to, bytes, (int)count);
    at += count;
  }
}

// Whether the terminal is this program's to change: false after Ctrl-Z and `bg`. 0 is a group of
// another namespace (a container's) and -1 no controlling terminal: nobody else's then.
static inline int callboard_is_foreground(int terminal) {
  pid_t group = tcgetpgrp(terminal);
  return group <= 0 || group == getpgrp();
}

// Puts the terminal back from inside a signal handler.
static inline void callboard_restore_now(void) {
  struct callboard_signal_state *state = callboard_state();
  if (!state->armed) return;
  state->armed = 0;
  if (callboard_is_foreground(state->terminal)) {
    callboard_write_all(state->terminal, state->restore, state->restore_length);
    // TCSANOW: waiting for output to drain could hang on a stopped terminal.
    tcsetattr(state->terminal, TCSANOW, &state->modes);
  }
  callboard_write_messages();
}

// The signal does what it does by default, so that the exit status stays. Only who asks for Swift's
// backtraces by SWIFT_BACKTRACE gets the handler of its runtime, which waits for a key on a
// terminal.
static inline void callboard_pass_on(int number, int traces) {
  struct sigaction next;
  memset(&next, 0, sizeof next);
  sigemptyset(&next.sa_mask);
  next.sa_handler = SIG_DFL;
  if (traces) next = callboard_state()->before[number];
  sigaction(number, &next, NULL);
  raise(number);
}

static inline void callboard_fatal(int number) {
  int saved = errno;
  callboard_restore_now();
  callboard_pass_on(number, callboard_state()->traces);
  errno = saved;
}

static inline void callboard_noted(int number) {
  int saved = errno;
  int ends = number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
  if (callboard_state()->outside && (number == SIGINT || number == SIGQUIT)) return;
  struct timespec now = {0, 0};
  if (ends) clock_gettime(CLOCK_MONOTONIC, &now);
  if (ends && callboard_state()->ending &&
      now.tv_sec - callboard_state()->ending_since >= 2) {
    // Asked again and the loop does not answer. (At once again is nothing: a closing terminal sends
    // HUP twice.)
    callboard_restore_now();
    callboard_pass_on(number, 0);
  } else {
    if (ends && !callboard_state()->ending) {
      callboard_state()->ending_since = now.tv_sec;
      callboard_state()->ending = 1;
    }
    char byte = (char)number;
    ssize_t ignored = write(callboard_state()->pipe, &byte, 1);
    (void)ignored;
  }
  errno = saved;
}

static inline void callboard_install(int number, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigfillset(&action.sa_mask);
  // A fault inside a handler must still end the process.
  for (unsigned i = 0; i < sizeof callboard_fatal_signals / sizeof(int); i++)
    sigdelset(&action.sa_mask, callboard_fatal_signals[i]);
  if (sigaction(number, &action, &callboard_state()->before[number]) == 0)
    callboard_state()->installed[number] = 1;
}

// Called before newterm, which leaves signals alone that have a handler.
static inline void callboard_install_handlers(int pipe) {
  callboard_state()->pipe = pipe;
  callboard_state()->ending = 0;
  callboard_state()->outside = 0;
  callboard_state()->traces = getenv("SWIFT_BACKTRACE") != NULL;
  for (unsigned i = 0; i < sizeof callboard_fatal_signals / sizeof(int); i++)
    callboard_install(callboard_fatal_signals[i], callboard_fatal, SA_ONSTACK);
  for (unsigned i = 0; i < sizeof callboard_ending_signals / sizeof(int); i++) {
    struct sigaction now;
    int number = callboard_ending_signals[i];
    // Started with nohup, or in the background of a script: stays ignored.
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    callboard_install(number, callboard_noted, SA_RESTART);
  }
  for (unsigned i = 0; i < sizeof callboard_other_signals / sizeof(int); i++)
    callboard_install(callboard_other_signals[i], callboard_noted, SA_RESTART);
  // Nobody could continue this program: it was started by a shell without job control.
  struct sigaction *stop = &callboard_state()->before[SIGTSTP];
  if (stop->sa_handler == SIG_IGN) sigaction(SIGTSTP, stop, NULL);
}

static inline void callboard_remove_handlers(void) {
  for (int number = 1; number < CALLBOARD_SIGNAL_LIMIT; number++) {
    if (!callboard_state()->installed[number]) continue;
    sigaction(number, &callboard_state()->before[number], NULL);
    callboard_state()->installed[number] = 0;
  }
}

static inline void callboard_arm(
    int terminal, int messages, int standard_error, const struct termios *modes,
    const char *restore, int length) {
  callboard_state()->armed = 0;
  callboard_state()->terminal = terminal;
  callboard_state()->messages = messages;
  callboard_state()->standard_error = standard_error;
  callboard_state()->modes = *modes;
  if (length > CALLBOARD_RESTORE_SIZE) length = CALLBOARD_RESTORE_SIZE;
  memcpy(callboard_state()->restore, restore, (size_t)length);
  callboard_state()->restore_length = length;
  callboard_state()->armed = 1;
}
static inline void callboard_ending_read(void) { callboard_state()->ending = 0; }
static inline void callboard_disarm(void) { callboard_state()->armed = 0; }
static inline void callboard_set_outside(int outside) { callboard_state()->outside = outside; }

// For exit() called by anybody while the screen is up.
static inline void callboard_at_exit(void) { callboard_restore_now(); }
static inline void callboard_register_at_exit(void) {
  static int registered;
  if (!registered) registered = atexit(callboard_at_exit) == 0;
}

// Stops this process as Ctrl-Z would have, with everything in its group; returns after SIGCONT, or
// at once where stops are ignored or no shell would continue it.
static inline void callboard_stop_group(void) {
  struct sigaction ours, other;
  sigset_t stop, blocked;
  if (callboard_state()->before[SIGTSTP].sa_handler == SIG_IGN) return;
  memset(&other, 0, sizeof other);
  sigemptyset(&other.sa_mask);
  // The group first, without us: a stop that reached another thread of ours first would come back
  // too early.
  other.sa_handler = SIG_IGN;
  sigaction(SIGTSTP, &other, &ours);
  kill(0, SIGTSTP);
  other.sa_handler = SIG_DFL;
  sigaction(SIGTSTP, &other, NULL);
  // A thread started from Swift's pool has it blocked, and a blocked stop only waits.
  sigemptyset(&stop);
  sigaddset(&stop, SIGTSTP);
  pthread_sigmask(SIG_UNBLOCK, &stop, &blocked);
  raise(SIGTSTP);
  pthread_sigmask(SIG_SETMASK, &blocked, NULL);
  sigaction(SIGTSTP, &ours, NULL);
}

// Ends the process the way this signal does, for the exit status; the screen is down.
static inline void callboard_end_by(int number) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_DFL;
  sigaction(number, &action, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  raise(number);
  _exit(128 + number);
}

static inline void callboard_signal_default(int number) {
  if (callboard_state()->before[number].sa_handler == SIG_IGN) return;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = SIG_DFL;
  sigaction(number, &action, NULL);
}
static inline void callboard_signal_noted(int number) {
  struct sigaction kept = callboard_state()->before[number];
  if (kept.sa_handler == SIG_IGN) return;
  callboard_install(number, callboard_noted, SA_RESTART);
  callboard_state()->before[number] = kept;
}

// A stack of its own for the handlers of this thread, so that they run when the stack has
// overflowed.
static inline void callboard_handler_stack(void) {
  static char stack[65536];
  stack_t own;
  memset(&own, 0, sizeof own);
  own.ss_sp = stack;
  own.ss_size = sizeof stack;
  sigaltstack(&own, NULL);
}

#endif
