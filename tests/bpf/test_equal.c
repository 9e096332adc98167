/* SPDX-License-Identifier: MIT */
/*
 * Both sources see the same: all processes of the machine, and a load.
 *
 * Each sample is three readings, procfs, BPF, procfs.  Where the two of procfs
 * agree in everything, the process was at rest and BPF must say the very same.
 * Else each value that only grows must lie between the two.
 */
#include "../unit/unit.h"

#include "bpf_source.h"
#include "log.h"
#include "monotonic.h"
#include "procfs.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS                                                                 \
  (GROUP_STATE | GROUP_MEMORY | GROUP_CPU | GROUP_CONTEXTSWITCH | GROUP_IO |   \
   GROUP_FILES | GROUP_SCHED | GROUP_THREADS)

/* What procfs knows of living threads only. */
#define OWN_SUMS                                                               \
  (FIELD_BIT(FIELD_VOLUNTARY) | FIELD_BIT(FIELD_INVOLUNTARY) |                 \
   FIELD_BIT(FIELD_RUNTIME) | FIELD_BIT(FIELD_WAIT))

#define TICK_US 10000
/* So that nothing is left out, however slow the machine is. */
#define NO_HURRY_MS 600000
/* What can be repeated is so for that long. */
#define LONG_ENOUGH_NS INT64_C(20000000000)

static struct source *procfs, *bpf;
static struct snapshot before, between, after;
static unsigned complaints;

void log_line(enum log_level level, const char *format, ...) {
  va_list arguments;
  (void)level;
  va_start(arguments, format);
  fputs("# ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* --- three readings --- */

static struct source *new_procfs(void) {
  struct source *source = procfs_new(&(struct procfs_options){
      .root = "/proc", .max_descriptors = 100, .interval_ms = NO_HURRY_MS});
  assert_non_null(source);
  return source;
}

static int open_sources(void **state) {
  (void)state;
  char module[PATH_MAX], reason[512];
  assert_non_null(realpath(".libs/proctrace_bpf.so", module));
  procfs = new_procfs();
  struct source *rest = new_procfs();
  bpf = bpf_source_new(&(struct bpf_source_options){.module = module,
                                                    .root = "/proc",
                                                    .threads = true},
                       rest, reason, sizeof(reason));
  if (bpf != NULL)
    return 0;
  rest->free(rest);
  procfs->free(procfs);
  bool can = geteuid() == 0 && access("/sys/kernel/btf/vmlinux", R_OK) == 0 &&
             strstr(reason, "too old") == NULL;
  printf(can ? "Bail out! %s\n" : "1..0 # SKIP %s\n", reason);
  exit(can);
}

static int close_sources(void **state) {
  (void)state;
  bpf->free(bpf);
  procfs->free(procfs);
  snapshot_free(&before);
  snapshot_free(&between);
  snapshot_free(&after);
  return 0;
}

static void read_all(struct source *source, struct snapshot *snapshot) {
  static size_t *all, capacity;
  snapshot_reset(snapshot);
  snapshot->thread_limit = SIZE_MAX;
  assert_int_equal(source->scan(source, snapshot), 0);
  if (snapshot->count > capacity) {
    capacity = 2 * snapshot->count;
    free(all);
    all = calloc(capacity, sizeof(*all));
    assert_non_null(all);
    for (size_t i = 0; i < capacity; i++)
      all[i] = i;
  }
  source->detail(source, snapshot, all, snapshot->count, GROUPS);
}

static void read_three(void) {
  read_all(procfs, &before);
  read_all(bpf, &between);
  assert_string_equal(bpf->name, "bpf");
  read_all(procfs, &after);
}

static const struct task *find(const struct snapshot *snapshot, pid_t pid) {
  for (size_t i = 0; i < snapshot->count; i++)
    if (snapshot->tasks[i].pid == pid)
      return &snapshot->tasks[i];
  return NULL;
}

/* The same process in all three. */
struct sample {
  const struct task *before, *between, *after;
};

static bool get_sample(pid_t pid, struct sample *sample) {
  *sample = (struct sample){find(&before, pid), find(&between, pid),
                            find(&after, pid)};
  return sample->before != NULL && sample->between != NULL &&
         sample->after != NULL && sample->before->start == sample->after->start;
}

/* --- at rest --- */

static void complain(const struct task *task, const char *what, uint64_t got,
                     uint64_t low, uint64_t high) {
  if (complaints++ < 20)
    printf("# %d (%s): %s is %llu, by procfs %llu to %llu\n", task->pid,
           task->comm, what, (unsigned long long)got, (unsigned long long)low,
           (unsigned long long)high);
}

static void check(const struct task *task, const char *what, uint64_t got,
                  uint64_t low, uint64_t high) {
  if (got < low || got > high)
    complain(task, what, got, low, high);
}

static const char *name_of(enum field field) {
  static char name[20];
  snprintf(name, sizeof(name), "field %d", field);
  return name;
}

static bool same_numbers(const struct task *a, const struct task *b) {
  if (a->valid != b->valid || a->ppid != b->ppid || a->state != b->state ||
      a->threads != b->threads)
    return false;
  for (enum field f = 0; f < FIELD_COUNT; f++)
    if (f != FIELD_AGE && task_has(a, f) && a->value[f] != b->value[f])
      return false;
  return true;
}

static const struct task *threads_of(const struct snapshot *snapshot,
                                     const struct task *task) {
  return &snapshot->threads[task->first_thread];
}

static bool at_rest(const struct sample *sample) {
  if (!same_numbers(sample->before, sample->after))
    return false;
  for (size_t i = 0; i < sample->before->threads; i++)
    if (!same_numbers(threads_of(&before, sample->before) + i,
                      threads_of(&after, sample->after) + i))
      return false;
  return true;
}

/*
 * Did a thread of it end, so that procfs has not seen all of its sums?  Then
 * the process has more page faults than its threads together: no thread lives
 * without one.
 */
static bool lost_threads(const struct snapshot *snapshot,
                         const struct task *task) {
  uint64_t faults = 0;
  for (size_t i = 0; i < task->threads; i++)
    faults += threads_of(snapshot, task)[i].value[FIELD_MINFLT];
  return faults != task->value[FIELD_MINFLT];
}

static void check_same(const struct task *want, const struct task *got,
                       uint64_t latest_age, field_set except) {
  check(got, "start", got->start, want->start, want->start);
  check(got, "ppid", (uint64_t)got->ppid, (uint64_t)want->ppid,
        (uint64_t)want->ppid);
  check(got, "state", (uint64_t)got->state, (uint64_t)want->state,
        (uint64_t)want->state);
  check(got, "valid", got->valid, want->valid, want->valid);
  check(got, "kernel thread", got->kernel_thread, want->kernel_thread,
        want->kernel_thread);
  if (strcmp(got->comm, want->comm) != 0)
    complain(got, want->comm, 0, 1, 1);
  for (enum field f = 0; f < FIELD_COUNT; f++)
    if (task_has(want, f) && !(except & FIELD_BIT(f)))
      check(got, name_of(f), got->value[f], want->value[f],
            f == FIELD_AGE ? latest_age : want->value[f]);
}

static void check_at_rest(const struct sample *sample) {
  const struct task *want = sample->before, *got = sample->between;
  bool lost = lost_threads(&before, want);
  check_same(want, got, sample->after->value[FIELD_AGE], lost ? OWN_SUMS : 0);
  for (enum field f = FIELD_VOLUNTARY; lost && f <= FIELD_RUNTIME; f++)
    check(got, name_of(f), got->value[f], want->value[f], UINT64_MAX);
  check(got, "reaped_minflt", got->reaped_minflt, want->reaped_minflt,
        want->reaped_minflt);
  check(got, "tree_minflt", got->tree_minflt, want->tree_minflt,
        want->tree_minflt);
  check(got, "thread records", got->threads, want->threads, want->threads);
  for (size_t i = 0; i < want->threads && want->threads == got->threads; i++) {
    const struct task *thread = threads_of(&before, want) + i;
    const struct task *by_bpf = threads_of(&between, got) + i;
    check(got, "tid", (uint64_t)by_bpf->pid, (uint64_t)thread->pid,
          (uint64_t)thread->pid);
    check_same(thread, by_bpf, by_bpf->value[FIELD_AGE], 0);
  }
}

/* --- workloads --- */

static pid_t workers[8];
static size_t worker_count;

static pid_t worker(char *const *argv) {
  int words[2];
  char said[256] = "";
  assert_int_equal(pipe(words), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    dup2(words[1], STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
  }
  workers[worker_count++] = pid;
  close(words[1]);
  FILE *from = fdopen(words[0], "r");
  assert_non_null(fgets(said, sizeof(said), from));
  fclose(from);
  assert_int_equal(strncmp(said, "ready", 5), 0);
  return pid;
}
#define WORKER(name, ...)                                                      \
  worker((char *[]){"tests/work/" name, "300", __VA_ARGS__, NULL})

/* Else each reading waits until dozens of busy threads have had their turn; who
 * may not have it waits. */
static void have_priority(bool more) {
  setpriority(PRIO_PROCESS, 0, more ? -10 : 0);
}

static int end_workers(void **state) {
  (void)state;
  have_priority(false);
  while (worker_count > 0) {
    kill(workers[--worker_count], SIGKILL);
    waitpid(workers[worker_count], NULL, 0);
  }
  return 0;
}

/* --- the tests --- */

#define MAX_PIDS 100000

static void all_processes_at_rest(void **state) {
  (void)state;
  static bool seen[MAX_PIDS];
  size_t equal = 0, threads = 0;
  WORKER("idle", "100", "2", "7");
  complaints = 0;
  for (int round = 0; round < 10; round++) {
    read_three();
    for (size_t i = 0; i < before.count; i++) {
      struct sample sample;
      pid_t pid = before.tasks[i].pid;
      if (!get_sample(pid, &sample) || !at_rest(&sample))
        continue;
      check_at_rest(&sample);
      equal += !seen[pid % MAX_PIDS];
      threads += seen[pid % MAX_PIDS] ? 0 : sample.before->threads;
      seen[pid % MAX_PIDS] = true;
    }
  }
  printf("# at rest: %zu of %zu processes, %zu threads\n", equal, before.count,
         threads);
  assert_int_equal(complaints, 0);
  /* Nearly all of a machine is at rest at one time or another. */
  assert_true(equal >= 100 && equal >= before.count * 8 / 10);
}

static void check_grown(const struct sample *sample, enum field field) {
  check(sample->between, name_of(field), sample->between->value[field],
        sample->before->value[field], sample->after->value[field]);
}

/*
 * The kernel remembers what it has shown of user and system time, and what BPF
 * computed is not shown: when a sample is taken between the readings, the next
 * one of /proc may give less of one part and more of the other.  Their sum
 * grows, and each part is at most what the other one leaves.
 */
static void check_cputime(const struct sample *sample, unsigned *naively_out) {
  const uint64_t *low = sample->before->value, *got = sample->between->value,
                 *high = sample->after->value;
  uint64_t most = high[FIELD_UTIME] + high[FIELD_STIME] + TICK_US;
  check(sample->between, "utime", got[FIELD_UTIME], low[FIELD_UTIME],
        most - low[FIELD_STIME]);
  check(sample->between, "stime", got[FIELD_STIME], low[FIELD_STIME],
        most - low[FIELD_UTIME]);
  /* Both parts are rounded down to whole ticks. */
  check(sample->between, "utime + stime", got[FIELD_UTIME] + got[FIELD_STIME],
        low[FIELD_UTIME] + low[FIELD_STIME], most);
  uint64_t told = got[FIELD_UTIME] + got[FIELD_STIME];
  check(sample->between, "runtime", got[FIELD_RUNTIME] / 1000, told,
        told + 2 * TICK_US);
  *naively_out += got[FIELD_UTIME] > high[FIELD_UTIME] ||
                  got[FIELD_STIME] > high[FIELD_STIME];
}

static const enum field kernel_totals[] = {
    FIELD_MINFLT, FIELD_MAJFLT,  FIELD_RCHAR,      FIELD_WCHAR,
    FIELD_SYSCR,  FIELD_SYSCW,   FIELD_READ_BYTES, FIELD_WRITE_BYTES,
    FIELD_AGE,    FIELD_VM_PEAK, FIELD_RSS_PEAK,
};

/* Sums never fall from one reading to the next either; of user and system time
 * their sum: where /proc stepped in, its parts count (see check_cputime). */
static void check_growing(const struct task *task, uint64_t *last) {
  uint64_t now[FIELD_COUNT];
  memcpy(now, task->value, sizeof(now));
  now[FIELD_UTIME] += now[FIELD_STIME];
  now[FIELD_STIME] = 0;
  for (enum field f = 0; f < COUNTER_COUNT; f++) {
    if (!task_has(task, f))
      continue;
    check(task, name_of(f), now[f] + (f == FIELD_UTIME ? TICK_US : 0), last[f],
          UINT64_MAX);
    last[f] = now[f];
  }
}

static void busy_processes(void **state) {
  (void)state;
  const pid_t pids[] = {
      WORKER("burn", "20", "3"), /* and one after the other that ends */
      WORKER("burn", "20", "1"),
      WORKER("leaderexit", "15", "10"),
      WORKER("burn", "1", "0"),
  };
  static uint64_t last[COUNT_OF(pids)][FIELD_COUNT];
  unsigned samples = 0, naively_out = 0, whole = 0;
  complaints = 0;
  have_priority(true);
  for (int round = 0; round < 70; round++) {
    read_three();
    for (size_t i = 0; i < COUNT_OF(pids); i++) {
      struct sample sample;
      assert_true(get_sample(pids[i], &sample));
      samples += !at_rest(&sample);
      for (size_t f = 0; f < COUNT_OF(kernel_totals); f++)
        check_grown(&sample, kernel_totals[f]);
      check_cputime(&sample, &naively_out);
      check_growing(sample.between, last[i]);
      if (lost_threads(&before, sample.before) ||
          lost_threads(&after, sample.after))
        continue;
      whole++;
      for (enum field f = FIELD_VOLUNTARY; f <= FIELD_WAIT; f++)
        check_grown(&sample, f);
      check_grown(&sample, FIELD_THREADS);
      check_grown(&sample, FIELD_FDS);
    }
  }
  printf("# busy: %u samples, %u of them with all threads alive; in %u a part "
         "of the CPU time was above the next one of /proc\n",
         samples, whole, naively_out);
  assert_int_equal(complaints, 0);
  assert_true(samples >= 200);
  assert_true(whole >= 100);
}

/* stat shows a zombie without memory; its threads have it. */
static void leader_that_has_exited(void **state) {
  (void)state;
  struct sample sample;
  pid_t pid = WORKER("leaderexit", "3", "10");
  complaints = 0;
  read_three();
  assert_true(get_sample(pid, &sample));
  const struct task *got = sample.between;
  assert_int_equal(got->state, 'Z');
  assert_int_equal(got->value[FIELD_THREADS], 4);
  assert_int_equal(got->value[FIELD_ZOMBIES], 1);
  for (enum field f = FIELD_VM; f <= FIELD_SWAP; f++) {
    assert_true(task_has(got, f));
    check_grown(&sample, f);
  }
  assert_int_equal(got->value[FIELD_FDS], sample.before->value[FIELD_FDS]);
  assert_true(got->value[FIELD_FDS] >= 10);
  assert_int_equal(complaints, 0);
}

static void *sleep_for_good(void *unused) {
  for (;;)
    pause();
  return unused;
}

static void *end_at_once(void *unused) { return unused; }

/* Many threads make the walk over them long; others end all the while. */
static _Noreturn void end_threads(void) {
  pthread_t thread;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int i = 0; i < 200; i++)
    if (pthread_create(&thread, NULL, sleep_for_good, NULL) != 0)
      _exit(1);
  for (;;)
    if (pthread_create(&thread, NULL, end_at_once, NULL) != 0 ||
        pthread_join(thread, NULL) != 0)
      _exit(1);
}

/* A thread that ends during the walk would be missed, and the sum would fall,
 * or stand in it twice, and fall at the next look. */
static void threads_that_end_count_once(void **state) {
  (void)state;
  uint64_t last[FIELD_COUNT] = {0};
  unsigned looks = 0, torn = 0;
  int64_t long_enough = monotonic_ns() + LONG_ENOUGH_NS;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    end_threads();
  workers[worker_count++] = pid;
  complaints = 0;
  for (int i = 0; i < 5000 && (looks <= 1000 || monotonic_ns() < long_enough);
       i++) {
    read_all(bpf, &between);
    const struct task *task = find(&between, pid);
    assert_non_null(task);
    torn += !task_has(task, FIELD_RUNTIME);
    check_growing(task, last);
    looks += task->value[FIELD_THREADS] > 200;
  }
  printf("# threads that end: %u looks, %u left to procfs\n", looks, torn);
  assert_int_equal(complaints, 0);
  assert_true(looks > 1000 && torn < looks / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(all_processes_at_rest, end_workers),
      cmocka_unit_test_teardown(busy_processes, end_workers),
      cmocka_unit_test_teardown(leader_that_has_exited, end_workers),
      cmocka_unit_test_teardown(threads_that_end_count_once, end_workers),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, open_sources, close_sources);
}
