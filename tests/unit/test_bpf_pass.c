/* SPDX-License-Identifier: MIT */
/*
 * Records of the task iterator, made up, to processes and threads.
 */
#include "unit.h"

#include "bpf_pass.h"
#include "log.h"
#include "procfs.h"

#include "../bpf/proctrace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
#define NS_PER_TICK 10000000
#define ALL                                                                    \
  (HAS_PROCESS | HAS_SUMS | HAS_IO | HAS_WAIT | HAS_MEMORY | HAS_EXACT_RSS |   \
   HAS_FILES)

static struct bpf_pass pass;
static struct snapshot snapshot;
static char records[1 << 16];
static size_t length;

void log_line(enum log_level level, const char *format, ...) {
  (void)level;
  (void)format;
}

/* A thread that was waited for is listed a little longer. */
static void wait_until_alone(void) {
  struct stat threads;
  while (stat("/proc/self/task", &threads) == 0 && threads.st_nlink > 2 + 1)
    usleep(1000);
}

static int setup(void **state) {
  (void)state;
  wait_until_alone();
  snapshot.thread_limit = SIZE_MAX;
  pass = (struct bpf_pass){.ticks = 100, .page_size = PAGE};
  pass.procfs = procfs_new(
      &(struct procfs_options){.root = "/proc", .interval_ms = 10000});
  assert_non_null(pass.procfs);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  pass.procfs->free(pass.procfs);
  bpf_pass_free(&pass);
  snapshot_free(&snapshot);
  return 0;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void append(const void *part, size_t size) {
  memcpy(records + length, part, size);
  length += size;
}

static void record(uint32_t tid, uint32_t pid, uint64_t wait, uint32_t has,
                   const struct process_record *process) {
  struct task_record head = {
      .tid = tid,
      .pid = pid,
      .start = tid * UINT64_C(1000000000),
      .wait = wait,
      .has = has | (pass.with_threads ? HAS_THREAD : 0u),
  };
  struct thread_numbers numbers = {.comm = "worker", .minflt = tid};
  append(&head, sizeof(head));
  if (process != NULL)
    append(process, sizeof(*process));
  if (pass.with_threads)
    append(&numbers, sizeof(numbers));
}

/* A thread that has waited so long. */
static void thread(uint32_t tid, uint32_t pid, uint64_t wait) {
  record(tid, pid, wait, HAS_WAIT, NULL);
}

static void process(uint32_t pid, uint64_t wait, uint32_t has,
                    struct process_record numbers) {
  strcpy(numbers.comm, "leader");
  record(pid, pid, wait, has, &numbers);
}
#define PROCESS(pid, wait, ...)                                                \
  process(pid, wait, ALL, (struct process_record){__VA_ARGS__})

/* One pass over what was said since the last one. */
static void read_pass(void) {
  snapshot_reset(&snapshot);
  procfs_begin(pass.procfs, &snapshot);
  bpf_pass_begin(&pass);
  assert_int_equal(bpf_pass_take(&pass, &snapshot, records, length), 0);
  bpf_pass_end(&pass, &snapshot);
  length = 0;
}

static const struct task *revealed(size_t index, unsigned groups) {
  bpf_pass_reveal(&pass, &snapshot, index, groups);
  return &snapshot.tasks[index];
}

static uint64_t waited(size_t index) {
  const struct task *task = revealed(index, GROUP_SCHED);
  assert_true(task_has(task, FIELD_WAIT));
  return task->value[FIELD_WAIT];
}

/* --- what is told --- */

static void stat_is_there_and_the_rest_on_request(void **state) {
  (void)state;
  PROCESS(7, 0, .threads = 2, .minflt = 5, .reaped_minflt = 3, .vm = 10,
          .rss = 4, .parent = 1);
  read_pass();
  const struct task *task = &snapshot.tasks[0];
  assert_int_equal(snapshot.count, 1);
  assert_int_equal(task->pid, 7);
  assert_int_equal(task->ppid, 1);
  assert_int_equal(task->start, 700);
  assert_string_equal(task->comm, "leader");
  assert_int_equal(task->tree_minflt, 8);
  assert_int_equal(task->rss_rough, 4 * PAGE);
  assert_int_equal(task->value[FIELD_VM], 10 * PAGE);
  assert_true(task_has(task, FIELD_MINFLT));
  assert_false(task_has(task, FIELD_RSS));
  assert_true(task_has(revealed(0, GROUP_MEMORY), FIELD_RSS));
  assert_false(task_has(task, FIELD_RCHAR));
}

static void peaks_are_never_below_the_present(void **state) {
  (void)state;
  PROCESS(7, 0, .vm = 10, .vm_peak = 3, .rss = 4, .rss_peak = 9);
  read_pass();
  const struct task *task = revealed(0, GROUP_MEMORY);
  assert_int_equal(task->value[FIELD_VM_PEAK], 10 * PAGE);
  assert_int_equal(task->value[FIELD_RSS_PEAK], 9 * PAGE);
}

static void states_are_counted(void **state) {
  (void)state;
  PROCESS(7, 0, .threads = 36, .states = {1, 2, 3, 4, 5, 6, 7, 8, 0});
  read_pass();
  const struct task *task = revealed(0, GROUP_STATE);
  assert_int_equal(task->value[FIELD_RUNNING], 1);
  assert_int_equal(task->value[FIELD_SLEEPING], 2);
  assert_int_equal(task->value[FIELD_BLOCKED], 3);
  assert_int_equal(task->value[FIELD_STOPPED], 4 + 5);
  assert_int_equal(task->value[FIELD_ZOMBIES], 6 + 7);
  assert_int_equal(task->value[FIELD_IDLE], 8);
}

static void open_files_of_their_limit(void **state) {
  (void)state;
  PROCESS(7, 0, .files = 5, .files_limit = 20);
  PROCESS(8, 0, .files = 5, .files_limit = UINT64_MAX); /* unlimited */
  read_pass();
  assert_int_equal(revealed(0, GROUP_FILES)->value[FIELD_FD_USED_PPM], 250000);
  assert_true(task_has(revealed(1, GROUP_FILES), FIELD_FDS));
  assert_false(task_has(&snapshot.tasks[1], FIELD_FD_USED_PPM));
}

static void cpu_time_in_whole_ticks(void **state) {
  (void)state;
  PROCESS(7, 0,
          .cpu = {.utime = 3, .stime = 1, .runtime = 10 * NS_PER_TICK - 1});
  read_pass();
  assert_int_equal(snapshot.tasks[0].value[FIELD_UTIME], 7 * 10000);
  assert_int_equal(snapshot.tasks[0].value[FIELD_STIME], 2 * 10000);
}

static void cpu_time_never_falls(void **state) {
  (void)state;
  PROCESS(7, 0, .cpu = {.utime = 3, .stime = 1, .runtime = 8 * NS_PER_TICK});
  read_pass();
  PROCESS(7, 0, .cpu = {.utime = 3, .stime = 6, .runtime = 9 * NS_PER_TICK});
  read_pass();
  assert_int_equal(snapshot.tasks[0].value[FIELD_UTIME], 6 * 10000);
  assert_int_equal(snapshot.tasks[0].value[FIELD_STIME], 3 * 10000);
}

/* --- what procfs is asked for --- */

static void what_is_not_seen_is_left_to_procfs(void **state) {
  (void)state;
  const unsigned groups = GROUP_MEMORY | GROUP_FILES | GROUP_PSS | GROUP_WCHAN;
  PROCESS(7, 0, .threads = 1);
  process(8, 0, HAS_PROCESS | HAS_SUMS | HAS_MEMORY,
          (struct process_record){.threads = 1});
  process(9, 0, HAS_PROCESS | HAS_SUMS,
          (struct process_record){.flags = 0x00200000}); /* kernel thread */
  read_pass();
  assert_int_equal(bpf_pass_reveal(&pass, &snapshot, 0, groups),
                   GROUP_PSS | GROUP_WCHAN);
  assert_int_equal(bpf_pass_reveal(&pass, &snapshot, 1, groups), groups);
  assert_int_equal(bpf_pass_reveal(&pass, &snapshot, 2, groups),
                   GROUP_PSS | GROUP_WCHAN);
  assert_int_equal(snapshot.tasks[0].tried, GROUP_MEMORY | GROUP_FILES);
}

/* Threads end too fast to be added up: stat of /proc knows, and the sums that
 * it does not know wait for the next pass. */
static void torn_sums(void **state) {
  (void)state;
  uint32_t pid = (uint32_t)getpid();
  PROCESS(pid, 50, .threads = 1, .voluntary = 9);
  read_pass();
  process(pid, 60, ALL & ~HAS_SUMS, (struct process_record){.threads = 99});
  read_pass();
  assert_int_equal(snapshot.count, 1);
  assert_int_equal(snapshot.tasks[0].value[FIELD_THREADS], 3); /* slowread's */
  assert_int_equal(
      bpf_pass_reveal(&pass, &snapshot, 0,
                      GROUP_SCHED | GROUP_CONTEXTSWITCH | GROUP_IO),
      GROUP_IO);
  assert_false(task_has(&snapshot.tasks[0], FIELD_WAIT));
  PROCESS(pid, 65, .threads = 1);
  read_pass();
  assert_int_equal(waited(0), 65);
}

/* --- threads --- */

static void waits_of_threads_add_up_and_stay(void **state) {
  (void)state;
  PROCESS(7, 100);
  thread(8, 7, 10);
  thread(9, 7, 1);
  read_pass();
  assert_int_equal(waited(0), 111);
  PROCESS(7, 105);
  thread(9, 7, 3);
  thread(10, 7, 1000); /* 8 has ended */
  read_pass();
  assert_int_equal(waited(0), 111 + 5 + 2 + 1000);
  PROCESS(7, 105);
  read_pass();
  assert_int_equal(waited(0), 1118);
}

static void threads_may_stand_before_their_process(void **state) {
  (void)state;
  PROCESS(3, 1);
  thread(5, 9, 10);
  thread(6, 3, 2);
  thread(7, 9, 20);
  PROCESS(9, 100);
  read_pass();
  assert_int_equal(waited(0), 3);
  assert_int_equal(waited(1), 130);
}

static void another_thread_that_calls_exec(void **state) {
  (void)state;
  PROCESS(7, 5, .threads = 3);
  thread(8, 7, 100);
  thread(9, 7, 300);
  read_pass();
  assert_int_equal(waited(0), 405);
  PROCESS(7, 101, .threads = 1); /* which was 8 */
  read_pass();
  assert_int_equal(waited(0), 406);
}

static void a_reused_pid_starts_anew(void **state) {
  (void)state;
  PROCESS(7, 100, .cpu = {.runtime = 50 * NS_PER_TICK});
  read_pass();
  PROCESS(7, 30, .cpu = {.runtime = 2 * NS_PER_TICK});
  ((struct task_record *)records)->start++;
  read_pass();
  assert_int_equal(waited(0), 30);
  assert_int_equal(snapshot.tasks[0].value[FIELD_UTIME], 2 * 10000);
}

static void records_of_threads(void **state) {
  (void)state;
  pass.with_threads = true;
  PROCESS(3, 1, .threads = 2);
  thread(5, 9, 10);
  thread(6, 3, 2);
  PROCESS(9, 100, .threads = 2);
  read_pass();
  const struct task *task = revealed(1, GROUP_THREADS | GROUP_SCHED);
  assert_int_equal(task->threads, 2);
  const struct task *first = &snapshot.threads[task->first_thread];
  assert_int_equal(first[0].pid, 5);
  assert_int_equal(first[1].pid, 9);
  assert_string_equal(first[0].comm, "worker");
  assert_int_equal(first[0].value[FIELD_WAIT], 10);
  assert_int_equal(first[0].value[FIELD_MINFLT], 5);
  assert_false(task_has(first, FIELD_THREADS));
}

static void a_dropped_pass_is_forgotten(void **state) {
  (void)state;
  PROCESS(7, 100);
  read_pass();
  PROCESS(7, 200);
  bpf_pass_begin(&pass);
  assert_int_equal(bpf_pass_take(&pass, &snapshot, records, length), 0);
  bpf_pass_drop(&pass, &snapshot);
  length = 0;
  assert_int_equal(snapshot.count, 0);
  PROCESS(7, 250);
  read_pass();
  assert_int_equal(waited(0), 250);
}

/* --- what the kernel never writes --- */

static void a_record_that_is_cut_short(void **state) {
  (void)state;
  PROCESS(7, 100);
  thread(8, 7, 10);
  for (size_t cut = 1; cut < length; cut++) {
    int whole = cut == length - sizeof(struct task_record) ? 0 : -EBADMSG;
    /* Where it ends, memory ends. */
    char *start = malloc(cut);
    assert_non_null(start);
    memcpy(start, records, cut);
    snapshot_reset(&snapshot);
    bpf_pass_begin(&pass);
    assert_int_equal(bpf_pass_take(&pass, &snapshot, start, cut), whole);
    bpf_pass_drop(&pass, &snapshot);
    free(start);
  }
  length = 0;
}

static void numbers_of_threads_that_nobody_asked_for(void **state) {
  (void)state;
  pass.with_threads = true; /* of who writes the records */
  PROCESS(7, 100, .threads = 1);
  pass.with_threads = false;
  read_pass();
  assert_int_equal(waited(0), 100);
  assert_int_equal(revealed(0, GROUP_THREADS)->threads, 0);
}

static void threads_without_numbers(void **state) {
  (void)state;
  PROCESS(7, 100, .threads = 1);
  pass.with_threads = true;
  read_pass();
  const struct task *task = revealed(0, GROUP_THREADS);
  assert_int_equal(task->threads, 1);
  assert_string_equal(snapshot.threads[task->first_thread].comm, "");
  assert_int_equal(snapshot.threads[task->first_thread].value[FIELD_MINFLT], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(stat_is_there_and_the_rest_on_request),
      TEST(peaks_are_never_below_the_present),
      TEST(states_are_counted),
      TEST(open_files_of_their_limit),
      TEST(cpu_time_in_whole_ticks),
      TEST(cpu_time_never_falls),
      TEST(what_is_not_seen_is_left_to_procfs),
      TEST(torn_sums),
      TEST(waits_of_threads_add_up_and_stay),
      TEST(threads_may_stand_before_their_process),
      TEST(another_thread_that_calls_exec),
      TEST(a_reused_pid_starts_anew),
      TEST(records_of_threads),
      TEST(a_dropped_pass_is_forgotten),
      TEST(a_record_that_is_cut_short),
      TEST(numbers_of_threads_that_nobody_asked_for),
      TEST(threads_without_numbers),
  };
  return RUN(tests);
}
