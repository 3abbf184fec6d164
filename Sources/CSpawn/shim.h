// What glibc has for starting programs and Swift's own Glibc module does not show: that module is built
// without _GNU_SOURCE, so the declarations are repeated here.
#pragma once

#include <spawn.h>
#include <sys/types.h>
#include <unistd.h>

// glibc 2.26; the value of POSIX_SPAWN_SETSID.
#define CSPAWN_SETSID 0x80

int pipe2(int descriptors[2], int flags);
// glibc 2.29.
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
// glibc 2.34.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

extern long syscall(long number, ...);

// A descriptor that becomes readable when the process has ended, or -1 (Linux before 5.3).
// The number of the system call is the same on every architecture; glibc wraps it only since 2.36.
static inline int cspawn_pidfd_open(pid_t process) {
  return (int)syscall(434, process, 0);
}
