// Which file is at a path. Swift's Glibc module does not show statx: it is built without _GNU_SOURCE.
#pragma once

#include <fcntl.h>
#include <linux/stat.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

extern long syscall(long number, ...);

struct cfileidentity {
  uint32_t major;
  uint32_t minor;
  uint64_t inode;
};

// Returns 0, or -1 with errno set.
//
// Asks for nothing but the number: after somebody has looked at a file's times (as stat does) Linux, since 6.13, takes the
// finest clock for its next change, so that every change is another time and every fdatasync writes the inode too.
static inline int cfileidentity_at(const char *path, struct cfileidentity *identity) {
  struct statx info;
  if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_INO, &info) != 0) return -1;
  identity->major = info.stx_dev_major;
  identity->minor = info.stx_dev_minor;
  identity->inode = info.stx_ino;
  return 0;
}
