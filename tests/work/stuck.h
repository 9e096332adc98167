/* SPDX-License-Identifier: MIT
 *
 * What the workloads share whose process is stuck in the kernel, as by a hung
 * network filesystem: NAME SECONDS DIRECTORY.
 *
 * NAME serves, by hand, a FUSE filesystem with one file, and leaves one kind of
 * request about it without an answer. The target, its child, makes that request
 * while it holds a lock. "ready <pid>" with the pid of the target is printed
 * once somebody who reads of it has been seen to wait. SIGUSR1 makes NAME
 * answer: the target is let go, and goes on.
 *
 * Such a target cannot even be killed; closing /dev/fuse fails the request, so
 * it ends with NAME, whatever ends that. The mount lives in a mount namespace
 * of its own and needs no clean-up.
 */
#ifndef PROCTRACE_TESTS_STUCK_H
#define PROCTRACE_TESTS_STUCK_H

#include <stdint.h>

struct stuck {
  uint32_t silent;        /* a FUSE_* operation */
  void (*target)(int fd); /* has the file open; does not come back */
  const char *waited_for; /* who reads this of /proc/<pid> has to wait */
  const char *not_here;   /* why, if no reader waits */
};

int stuck_main(int argc, char **argv, const struct stuck *stuck);

#endif
