/* SPDX-License-Identifier: MIT
 *
 * events FILE [PROCESSES]
 * The events that probes tell of, on one CPU. Lines that are read, each with
 * one line of answer; what can't be done is answered with "- <reason>":
 *
 *   EVENT NUMBER [TRACEPOINT...]  makes so many of them, a multiple of ten; how
 *                   many ns of CPU time each took. At the tracepoints are BPF
 *                   programs that do nothing.
 *   EVENT NUMBER programs         what each BPF program of the machine took of
 *                   an event, as runtime.h says
 *
 * FILE is created for reads from a disk, and removed.
 *
 * With PROCESSES there are no questions: so many processes each make a few
 * events of every kind, five times a second.
 */
#include "measure.h"
#include "runtime.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 4096 };

static int own_cpu, other_cpu = -1;
static int file = -1;

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

/* The last CPU that we may use, and the one before. */
static void choose_cpus(void) {
  cpu_set_t usable;
  sched_getaffinity(0, sizeof(usable), &usable);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &usable)) {
      other_cpu = CPU_COUNT(&usable) > 1 ? own_cpu : -1;
      own_cpu = cpu;
    }
}

static void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

/* --- the events; false, with errno set: not possible here --- */

static bool make_syscalls(long n) {
  for (long i = 0; i < n; i++)
    syscall(SYS_getppid);
  return true;
}

static bool make_mmaps(long n) {
  for (long i = 0; i < n; i++)
    munmap(mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           BLOCK);
  return true;
}

static pthread_barrier_t both;

static void *make_half(void *n) {
  stay_on(other_cpu);
  pthread_barrier_wait(&both);
  make_syscalls(*(long *)n);
  return NULL;
}

/* Half of the system calls from a second thread, on another CPU, at the same
 * time. */
static bool make_shared(long n) {
  errno = ENODEV;
  if (other_cpu < 0)
    return false;
  long half = n / 2;
  pthread_t thread;
  pthread_barrier_init(&both, NULL, 2);
  if (pthread_create(&thread, NULL, make_half, &half) != 0)
    fail("pthread_create");
  pthread_barrier_wait(&both);
  make_syscalls(half);
  pthread_join(thread, NULL);
  pthread_barrier_destroy(&both);
  return true;
}

struct player {
  int from, to;
  long rounds;
};

static void *play(void *argument) {
  const struct player *player = argument;
  char ball = 0;
  for (long i = 0; i < player->rounds; i++)
    if (read(player->from, &ball, 1) != 1 || write(player->to, &ball, 1) != 1)
      fail("pipe");
  return NULL;
}

/* A byte to the other thread and back: two switches and two wakeups, since who
 * is woken does not preempt (see main()). */
static bool make_rounds(long n) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0)
    return false;
  struct player one = {.from = back[0], .to = there[1], .rounds = n};
  struct player other = {.from = there[0], .to = back[1], .rounds = n};
  pthread_t thread;
  if (pthread_create(&thread, NULL, play, &other) != 0 ||
      write(one.to, "", 1) != 1)
    fail("ping-pong");
  play(&one);
  pthread_join(thread, NULL);
  int fds[] = {there[0], there[1], back[0], back[1]};
  for (int i = 0; i < 4; i++)
    close(fds[i]);
  return true;
}

static bool make_reads(long n) {
  static _Alignas(BLOCK) char block[BLOCK];
  static unsigned long state = 1;
  errno = EOPNOTSUPP;
  for (long i = 0; i < n && file >= 0; i++) {
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    off_t offset = (off_t)(state >> 33) % BLOCKS * BLOCK;
    if (pread(file, block, BLOCK, offset) != BLOCK)
      return false;
  }
  return file >= 0;
}

/* Connects that are refused. */
static bool make_connects(long n) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(1),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  for (long i = 0; i < n; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
  }
  return true;
}

static const struct event {
  const char *name;
  bool (*make)(long n);
  const char *tracepoint; /* where a program that does nothing runs as often */
} events[] = {{"syscalls", make_syscalls, "sys_enter"},
              {"shared", make_shared, "sys_enter"},
              {"mmaps", make_mmaps, "sys_enter"},
              {"rounds", make_rounds, "sched_wakeup"},
              {"reads", make_reads, "block_rq_issue"},
              {"connects", make_connects, "inet_sock_set_state"}};
enum { EVENTS = sizeof(events) / sizeof(events[0]) };

/* For O_DIRECT: what is not there yet would be no read. */
static void open_file(const char *path) {
  static char block[BLOCK];
  memset(block, 1, sizeof(block));
  file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0)
    fail(path);
  for (int i = 0; i < BLOCKS; i++)
    if (write(file, block, sizeof(block)) != sizeof(block))
      fail(path);
  fsync(file);
  close(file);
  file = open(path, O_RDONLY | O_DIRECT);
  unlink(path);
}

/* --- questions and answers --- */

/* The median of several parts: what else happens meanwhile hits only some. */
static bool ns_of(const struct event *event, long n, double *ns) {
  enum { PARTS = 5 };
  double parts[PARTS];
  long part = n / PARTS;
  for (int i = 0; i < PARTS; i++) {
    double start = own_cpu_us();
    if (!event->make(part))
      return false;
    parts[i] = (own_cpu_us() - start) * 1e3 / (double)part;
  }
  *ns = median(parts, PARTS);
  return true;
}

static void answer_programs(const struct event *event, long n) {
  double ns;
  if (!runtime_begin(event->tracepoint)) {
    printf("- BPF statistics: %s\n", strerror(errno));
    return;
  }
  if (!ns_of(event, n, &ns))
    printf("- %s", strerror(errno));
  runtime_end(n, stdout);
  putchar('\n');
}

static void answer_ns(const struct event *event, long n, char *tracepoints) {
  double ns;
  char *tracepoint = strtok(tracepoints, " \n");
  while (tracepoint != NULL && runtime_attach_empty(tracepoint))
    tracepoint = strtok(NULL, " \n");
  if (tracepoint == NULL && ns_of(event, n, &ns))
    printf("%.2f\n", ns);
  else
    printf("- %s\n", strerror(errno));
  runtime_detach_empty();
}

static void serve(void) {
  char line[100], name[20];
  int length;
  long n;
  while (fgets(line, sizeof(line), stdin) != NULL) {
    if (sscanf(line, "%19s %ld%n", name, &n, &length) < 2)
      exit(2);
    int i = 0;
    while (i < EVENTS && strcmp(name, events[i].name) != 0)
      i++;
    if (i == EVENTS)
      exit(2);
    if (strcmp(line + length, " programs\n") == 0)
      answer_programs(&events[i], n);
    else
      answer_ns(&events[i], n, line + length);
    fflush(stdout);
  }
}

/* --- a crowd --- */

static _Noreturn void live(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (getppid() == parent) {
    for (int i = 0; i < EVENTS; i++)
      if (events[i].make != make_shared && events[i].make != make_rounds)
        events[i].make(2);
    usleep(200 * 1000);
  }
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3)
    return 2;
  open_file(argv[1]);
  if (argc == 3) {
    pid_t self = getpid();
    for (int i = atoi(argv[2]); i > 0; i--)
      if (fork() == 0)
        live(self);
    puts("ready");
    fflush(stdout);
    pause();
  }
  choose_cpus();
  stay_on(own_cpu);
  struct sched_param no_preemption = {0};
  sched_setscheduler(0, SCHED_BATCH, &no_preemption);
  serve();
  return 0;
}
