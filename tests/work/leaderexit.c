/* SPDX-License-Identifier: MIT
 *
 * leaderexit SECONDS THREADS FILES
 * The main thread ends by pthread_exit() while THREADS threads go on, half of
 * the time busy, with FILES open files: /proc/<pid>/stat then shows a zombie
 * without memory, and only the other threads show what the process has.
 */
#include "work.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *go_on(void *unused) {
  for (;;) {
    work_spin(2);
    usleep(2000);
  }
  return unused;
}

/* Says "ready" only once the kernel shows the leader as a zombie. */
static void *say_ready(void *unused) {
  char state = 0;
  while (state != 'Z') {
    usleep(1000);
    FILE *stat = fopen("/proc/self/stat", "r");
    if (stat == NULL || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
      work_fail("/proc/self/stat");
    fclose(stat);
  }
  printf("ready %d\n", getpid());
  fflush(stdout);
  return go_on(unused);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGKILL);
  long threads = work_number(argv[2], 1, 1000);
  for (long i = work_number(argv[3], 0, 10000); i > 0; i--)
    if (open("/dev/null", O_RDONLY) < 0)
      work_fail("open");
  for (long i = 0; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, i == 0 ? say_ready : go_on, NULL) != 0)
      work_fail("pthread_create");
  }
  pthread_exit(NULL);
}
