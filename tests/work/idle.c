/* SPDX-License-Identifier: MIT
 *
 * idle SECONDS PROCESSES THREADS FILES [NAME [WORD...]]
 * PROCESSES children, each with THREADS extra threads and FILES extra open
 * files, all asleep. With NAME the children (not the parent) take that comm.
 * Words make the command line of all of them longer.
 */
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct shape {
  long threads, files;
  const char *name;
};

static void *sleep_on(void *unused) {
  for (;;)
    pause();
  return unused;
}

/* With the descriptors that it has anyway. Raising more than the hard limit
 * needs a right: without it, the first open() that fails says so. */
static void allow_files(long files) {
  struct rlimit limit;
  rlim_t wanted = (rlim_t)files + 100;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = wanted;
  if (limit.rlim_max < wanted)
    limit.rlim_max = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static _Noreturn void child(const struct shape *shape, pid_t parent,
                            int ready) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  work_follow(parent);
  if (shape->name != NULL)
    prctl(PR_SET_NAME, shape->name);
  for (long i = 0; i < shape->files; i++)
    if (open("/dev/null", O_RDONLY) < 0)
      work_fail("open");

  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 64 * 1024);
  for (long i = 0; i < shape->threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, &attr, sleep_on, NULL) != 0)
      work_fail("pthread_create");
  }
  if (write(ready, "", 1) != 1)
    _exit(1);
  close(ready);
  sleep_on(NULL);
  abort();
}

int main(int argc, char **argv) {
  if (argc < 5)
    return 2;
  long seconds = work_number(argv[1], 1, WORK_SECONDS_MOST);
  long processes = work_number(argv[2], 1, 30000);
  struct shape shape = {.threads = work_number(argv[3], 0, 10000),
                        .files = work_number(argv[4], 0, 200000),
                        .name = argv[5]};
  allow_files(shape.files);

  /* The parent ends its children and reaps them: a test with thousands of them
   * must not depend on how fast the init of a container reaps. */
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, NULL);
  work_bound(seconds, SIGTERM);

  pid_t self = getpid();
  pid_t *pids = calloc((size_t)processes, sizeof(*pids));
  int ready[2];
  if (pids == NULL || pipe(ready) != 0)
    work_fail("set-up");
  for (long i = 0; i < processes; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      close(ready[0]);
      child(&shape, self, ready[1]);
    }
    if (pids[i] < 0)
      work_fail("fork");
  }
  close(ready[1]);
  for (long i = 0; i < processes; i++) {
    char byte;
    if (read(ready[0], &byte, 1) != 1)
      work_fail("a child did not start");
  }
  close(ready[0]);

  printf("ready %d first %d last %d\n", self, pids[0], pids[processes - 1]);
  fflush(stdout);
  int signal;
  sigwait(&end, &signal);
  for (long i = 0; i < processes; i++)
    kill(pids[i], SIGKILL);
  for (long i = 0; i < processes; i++)
    waitpid(pids[i], NULL, 0);
  free(pids);
  return 0;
}
