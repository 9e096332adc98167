/* SPDX-License-Identifier: MIT
 *
 * exechold SECONDS DIRECTORY
 * A process that does not come to the end of its execve(): whoever reads its
 * io, or opens its smaps_rollup, waits. See stuck.h.
 *
 * How: the kernel closes what is marked so in the midst of execve(), between
 * exec_mmap(), which takes exec_update_lock for writing, and setup_new_exec(),
 * which lets go of it; and the last close() of a file on FUSE waits for the
 * answer to its flush. (To wait for other threads to die, as execve() also may,
 * holds cred_guard_mutex alone, and no reader of /proc takes that.)
 */
#include "stuck.h"
#include "work.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

static const char *program;

static void target(int fd) {
  (void)fd; /* closed by execve() */
  execl(program, program, "over", (char *)NULL);
  work_fail(program);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "over") == 0)
    for (;;)
      pause();
  program = argv[0];
  return stuck_main(argc, argv,
                    &(struct stuck){
                        .silent = FUSE_FLUSH,
                        .target = target,
                        .waited_for = "io",
                        .not_here = "this kernel does not wait in execve()",
                    });
}
