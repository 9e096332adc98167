/* SPDX-License-Identifier: MIT */
/*
 * The helper thread over a directory where some files, being FIFOs, hold
 * their reader for as long as nobody opens them for writing.
 */
#include "unit.h"

#include "slowread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Long enough that a busy machine does not look like a hanging target. */
#define INTERVAL_MS 1200
#define PATIENCE_MS (INTERVAL_MS / 8)
#define BUDGET_MS (INTERVAL_MS / 2)
/* How late a busy machine, or valgrind, may let us be. */
#define GRACE_MS 2000

#define TARGETS 1100

static char directory[32];
static int root_fd;
static struct slowread *slow;
static struct patience patience;
static struct slow_batch batch;
static bool exists[TARGETS];

/* --- given --- */

static void in_directory(char path[64], int pid, const char *file) {
  if (!exists[pid]) {
    snprintf(path, 64, "%d", pid);
    assert_int_equal(mkdirat(root_fd, path, 0700), 0);
    exists[pid] = true;
  }
  snprintf(path, 64, "%d/%s", pid, file);
}

static void given_file(int pid, const char *file, const void *text,
                       size_t length) {
  char path[64];
  in_directory(path, pid, file);
  int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, length), (ssize_t)length);
  close(fd);
}

static void given_io(int pid) {
  char text[128];
  int n = snprintf(text, sizeof(text),
                   "rchar: %d\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\n"
                   "write_bytes: 6\ncancelled_write_bytes: 0\n",
                   pid);
  given_file(pid, "io", text, (size_t)n);
}

static void given_hanging(int pid, const char *file) {
  char path[64];
  in_directory(path, pid, file);
  assert_int_equal(mkfifoat(root_fd, path, 0600), 0);
}

/* Let whoever hangs there go; it finds a text that it can't read. */
static void release(int pid, const char *file) {
  char path[64];
  snprintf(path, sizeof(path), "%d/%s", pid, file);
  int fd = openat(root_fd, path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(unlinkat(root_fd, path, 0), 0);
  usleep(20000);
  close(fd);
}

/* Threads of slowread.c in this process. */
static unsigned helpers(void) {
  unsigned n = 0;
  DIR *tasks = opendir("/proc/self/task");
  assert_non_null(tasks);
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
    char path[300], comm[16] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      continue;
    if (read(fd, comm, sizeof(comm)) > 0 &&
        strncmp(comm, "proctrace-slow", 14) == 0)
      n++;
    close(fd);
  }
  closedir(tasks);
  return n;
}

static void wait_for_helpers(unsigned n) {
  for (int i = 0; helpers() != n; i++) {
    assert_true(i < 1000);
    usleep(10000);
  }
}

static void wait_for_nobody_to_hang(void) {
  for (int i = 0; slowread_hanging(slow) > 0; i++) {
    assert_true(i < 1000);
    usleep(10000);
  }
}

/* --- when --- */

static void wanted(enum slow_kind kind, int pid) {
  assert_true(slow_batch_add(
      &batch, (struct slow_read){.kind = kind, .pid = pid, .fd = -1}));
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Read what is wanted; returns the time that it took. */
static int64_t read_batch(void) {
  int64_t began = now_ms();
  slowread_start(slow, &batch);
  slowread_finish(slow, &batch);
  return now_ms() - began;
}

static void next_interval(void) {
  for (size_t i = 0; i < batch.count; i++)
    if (batch.reads[i].error == 0 && (batch.reads[i].kind == SLOW_CMDLINE ||
                                      batch.reads[i].kind == SLOW_CGROUP))
      free(batch.reads[i].text);
  batch.count = 0;
  patience_begin(&patience, INTERVAL_MS);
  slowread_interval(slow);
}

/* --- then --- */

static void was_read(size_t place, int pid) {
  assert_int_equal(batch.reads[place].error, 0);
  assert_int_equal(batch.reads[place].pid, pid);
  assert_int_equal(batch.reads[place].io.rchar, pid);
}

static void was_given_up(size_t place) {
  assert_int_equal(batch.reads[place].error, ETIMEDOUT);
}

/* --- life --- */

static int begin(void **state) {
  (void)state;
  strcpy(directory, "/tmp/proctrace-slow-XXXXXX");
  if (mkdtemp(directory) == NULL)
    return -1;
  root_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  memset(exists, 0, sizeof(exists));
  batch = (struct slow_batch){0};
  slow = slowread_new(root_fd, &patience, true);
  if (slow == NULL)
    return -1;
  patience_begin(&patience, INTERVAL_MS);
  slowread_interval(slow);
  return 0;
}

static int end(void **state) {
  (void)state;
  static const char *const names[] = {"io", "cmdline", "cgroup",
                                      "smaps_rollup"};
  char path[64];
  if (slow != NULL)
    next_interval();
  slowread_free(slow);
  free(batch.reads);
  for (int pid = 0; pid < TARGETS; pid++) {
    if (!exists[pid])
      continue;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
      snprintf(path, sizeof(path), "%d/%s", pid, names[i]);
      unlinkat(root_fd, path, 0);
    }
    snprintf(path, sizeof(path), "%d", pid);
    unlinkat(root_fd, path, AT_REMOVEDIR);
  }
  close(root_fd);
  return rmdir(directory);
}

/* --- tests --- */

static void each_kind_of_file(void **state) {
  (void)state;
  static const char rollup[] = "1-2 ---p 0 00:00 0 [rollup]\nPss: 9 kB\n"
                               "Private_Clean: 3 kB\nPrivate_Dirty: 4 kB\n";
  given_io(1);
  given_file(1, "smaps_rollup", rollup, sizeof(rollup) - 1);
  given_file(1, "cmdline", "a\0b c\0\0d\0\0\0", 10);
  given_file(1, "cgroup", "0::/x\n", 6);
  wanted(SLOW_IO, 1);
  wanted(SLOW_PSS, 1);
  wanted(SLOW_CMDLINE, 1);
  wanted(SLOW_CGROUP, 1);
  read_batch();
  was_read(0, 1);
  assert_int_equal(batch.reads[0].io.write_bytes, 6);
  assert_int_equal(batch.reads[1].error, 0);
  assert_int_equal(batch.reads[1].memory.pss, 9 * 1024);
  assert_int_equal(batch.reads[1].memory.uss, 7 * 1024);
  assert_int_equal(batch.reads[2].error, 0);
  assert_string_equal(batch.reads[2].text, "a b c  d");
  assert_int_equal(batch.reads[3].error, 0);
  assert_string_equal(batch.reads[3].text, "0::/x\n");
}

static void command_lines_empty_and_long(void **state) {
  (void)state;
  static char text[20000];
  memset(text, 'x', sizeof(text));
  given_file(1, "cmdline", "", 0);
  given_file(2, "cmdline", "\0\0\0", 3);
  given_file(3, "cmdline", text, CMDLINE_MAX);
  given_file(4, "cmdline", text, sizeof(text));
  for (int pid = 1; pid <= 4; pid++)
    wanted(SLOW_CMDLINE, pid);
  read_batch();
  const size_t lengths[] = {0, 0, CMDLINE_MAX, CMDLINE_MAX};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(batch.reads[i].error, 0);
    assert_int_equal(strlen(batch.reads[i].text), lengths[i]);
  }
}

static void errors(void **state) {
  (void)state;
  given_file(1, "io", "rchar: x\n", 9);
  given_file(2, "smaps_rollup", "", 0);
  given_io(4);
  wanted(SLOW_IO, 1);
  wanted(SLOW_PSS, 2);
  wanted(SLOW_CMDLINE, 3);
  wanted(SLOW_IO, 4);
  read_batch();
  assert_int_equal(batch.reads[0].error, EBADMSG);
  assert_int_equal(batch.reads[1].error, EBADMSG);
  assert_int_equal(batch.reads[2].error, ENOENT);
  was_read(3, 4);
}

static void from_a_descriptor_again_and_again(void **state) {
  (void)state;
  given_io(7);
  int fd = openat(root_fd, "7/io", O_RDONLY | O_CLOEXEC);
  for (int i = 0; i < 3; i++) {
    assert_true(slow_batch_add(
        &batch, (struct slow_read){.kind = SLOW_IO, .pid = 7, .fd = fd}));
    read_batch();
    was_read(0, 7);
    next_interval();
  }
  close(fd);
}

static void empty_batch(void **state) {
  (void)state;
  for (int i = 0; i < 10; i++)
    assert_true(read_batch() < GRACE_MS);
  assert_int_equal(slowread_hanging(slow), 0);
}

static void a_thousand(void **state) {
  (void)state;
  for (int pid = 1; pid <= 1000; pid++)
    given_io(pid);
  for (int round = 0; round < 3; round++) {
    patience_begin(&patience, 20000);
    slowread_interval(slow);
    for (int pid = 1; pid <= 1000; pid++)
      wanted(SLOW_IO, pid);
    read_batch();
    for (int pid = 1; pid <= 1000; pid++)
      was_read((size_t)pid - 1, pid);
    next_interval();
  }
}

static void one_hangs_and_the_others_are_read(void **state) {
  (void)state;
  for (int pid = 1; pid <= 5; pid++)
    if (pid != 3)
      given_io(pid);
  given_hanging(3, "io");
  for (int pid = 1; pid <= 5; pid++)
    wanted(SLOW_IO, pid);
  int64_t took = read_batch();
  assert_true(took >= PATIENCE_MS);
  assert_true(took < BUDGET_MS + GRACE_MS);
  was_read(0, 1);
  was_read(1, 2);
  was_given_up(2);
  was_read(3, 4);
  was_read(4, 5);
  assert_int_equal(slowread_hanging(slow), 1);
  release(3, "io");
}

/* At either end of a batch, and with nothing else in it. */
static void first_last_and_only(void **state) {
  (void)state;
  given_io(2);
  given_hanging(1, "io");
  given_hanging(3, "io");
  given_hanging(4, "cmdline");
  for (int pid = 1; pid <= 3; pid++)
    wanted(SLOW_IO, pid);
  read_batch();
  was_given_up(0);
  was_read(1, 2);
  was_given_up(2);
  next_interval();
  wanted(SLOW_CMDLINE, 4);
  read_batch();
  was_given_up(0);
  assert_int_equal(slowread_hanging(slow), 3);
  release(1, "io");
  release(3, "io");
  release(4, "cmdline");
}

/* Who is known to hang costs no further waiting, for no file of it. */
static void skipped_while_it_hangs(void **state) {
  (void)state;
  given_hanging(1, "cmdline");
  given_io(1);
  given_io(2);
  wanted(SLOW_CMDLINE, 1);
  read_batch();
  was_given_up(0);
  for (int i = 0; i < 3; i++) {
    next_interval();
    wanted(SLOW_IO, 1);
    wanted(SLOW_CMDLINE, 1);
    wanted(SLOW_IO, 2);
    read_batch();
    was_given_up(0);
    was_given_up(1);
    was_read(2, 2);
  }
  assert_int_equal(helpers(), 2);
  assert_int_equal(slowread_hanging(slow), 1);
  release(1, "cmdline");
}

static void comes_back(void **state) {
  (void)state;
  given_hanging(1, "io");
  wanted(SLOW_IO, 1);
  read_batch();
  was_given_up(0);
  release(1, "io");
  wait_for_nobody_to_hang();
  wait_for_helpers(1); /* the one left behind is joined */
  given_io(1);
  next_interval();
  wanted(SLOW_IO, 1);
  read_batch();
  was_read(0, 1);
}

static void budget_is_for_all_waiting(void **state) {
  (void)state;
  enum { HANGING = 7 };
  for (int pid = 1; pid <= HANGING; pid++)
    given_hanging(pid, "io");
  given_io(HANGING + 1);
  for (int pid = 1; pid <= HANGING + 1; pid++)
    wanted(SLOW_IO, pid);
  int64_t took = read_batch();
  assert_true(took >= BUDGET_MS - PATIENCE_MS);
  assert_true(took < BUDGET_MS + GRACE_MS);
  for (size_t i = 0; i <= HANGING; i++)
    was_given_up(i);
  /* A second batch of this interval waits no more. */
  batch.count = 0;
  wanted(SLOW_IO, HANGING);
  assert_true(read_batch() < PATIENCE_MS + GRACE_MS);
  was_given_up(0);
  /* The next interval has a new budget, and the innocent is read. */
  for (int i = 0; i < 10 && (batch.count == 0 || batch.reads[0].error != 0);
       i++) {
    next_interval();
    wanted(SLOW_IO, HANGING + 1);
    read_batch();
  }
  was_read(0, HANGING + 1);
  next_interval();
  for (int pid = 1; pid <= HANGING; pid++)
    release(pid, "io");
}

static void *release_each(void *count) {
  for (int pid = 1; pid <= *(int *)count; pid++) {
    usleep(40000);
    release(pid, "io");
  }
  return NULL;
}

/* Each comes in time, but they are too many: nobody hangs. Half a second of
 * patience with each, and a machine that stands still for some of it. */
static void too_many_are_late(void **state) {
  (void)state;
  enum { TIMES = 4 };
  int many = 60;
  patience_begin(&patience, TIMES * INTERVAL_MS);
  for (int pid = 1; pid <= many; pid++) {
    given_hanging(pid, "io");
    wanted(SLOW_IO, pid);
  }
  pthread_t releaser;
  assert_int_equal(pthread_create(&releaser, NULL, release_each, &many), 0);
  int64_t took = read_batch();
  assert_true(took < TIMES * (BUDGET_MS + PATIENCE_MS) + GRACE_MS);
  assert_int_equal(slowread_hanging(slow), 0);
  assert_int_equal(batch.reads[0].error, ESPIPE); /* what a FIFO says */
  assert_int_equal(batch.reads[many - 1].error, ETIME);
  /* A second batch of this interval has no time. */
  batch.count = 0;
  given_io(many + 1);
  wanted(SLOW_IO, many + 1);
  read_batch();
  assert_int_equal(batch.reads[0].error, ETIME);
  pthread_join(releaser, NULL);
  next_interval();
  wanted(SLOW_IO, many + 1);
  read_batch();
  was_read(0, many + 1);
}

/* Sixteen hang: no thread more, and nothing slow is read until one is back. */
static void threads_are_bounded(void **state) {
  (void)state;
  enum { HANGING = 20 };
  for (int pid = 1; pid <= HANGING; pid++)
    given_hanging(pid, "io");
  given_io(HANGING + 1);
  for (int i = 0; i < 8; i++) {
    next_interval();
    for (int pid = 1; pid <= HANGING; pid++)
      wanted(SLOW_IO, pid);
    read_batch();
    for (size_t place = 0; place < HANGING; place++)
      was_given_up(place);
  }
  assert_int_equal(slowread_hanging(slow), 16);
  assert_int_equal(helpers(), 16);
  next_interval();
  wanted(SLOW_IO, HANGING + 1);
  assert_true(read_batch() < GRACE_MS);
  was_given_up(0);
  for (int pid = 1; pid <= HANGING; pid++)
    release(pid, "io");
  wait_for_nobody_to_hang();
  next_interval();
  wanted(SLOW_IO, HANGING + 1);
  read_batch();
  was_read(0, HANGING + 1);
}

/* Anyone can write programs on which a reader hangs: but for his own. */
static void a_user_has_two_threads(void **state) {
  (void)state;
  enum { HANGING = 5, USER = 12345 };
  if (geteuid() != 0)
    skip();
  for (int pid = 1; pid <= HANGING; pid++) {
    char path[16];
    given_hanging(pid, "io");
    snprintf(path, sizeof(path), "%d", pid);
    assert_int_equal(fchownat(root_fd, path, USER, -1, 0), 0);
  }
  given_io(HANGING + 1);
  for (int i = 0; i < 4; i++) {
    next_interval();
    for (int pid = 1; pid <= HANGING + 1; pid++)
      wanted(SLOW_IO, pid);
    read_batch();
    for (size_t place = 0; place < HANGING; place++)
      was_given_up(place);
  }
  assert_int_equal(slowread_hanging(slow), 2);
  was_read(HANGING, HANGING + 1);
  release(1, "io");
  release(2, "io");
}

/* Texts that were read before the hanging one, in front of and behind it. */
static void texts_survive_a_change_of_helper(void **state) {
  (void)state;
  given_file(1, "cmdline", "one", 3);
  given_hanging(2, "cmdline");
  given_file(3, "cmdline", "three", 5);
  for (int pid = 1; pid <= 3; pid++)
    wanted(SLOW_CMDLINE, pid);
  read_batch();
  assert_string_equal(batch.reads[0].text, "one");
  was_given_up(1);
  assert_string_equal(batch.reads[2].text, "three");
  release(2, "cmdline");
}

/* The daemon ends while a target hangs; the thread ends when it can. */
static void freed_while_hanging(void **state) {
  (void)state;
  given_hanging(1, "cmdline");
  given_io(2);
  wanted(SLOW_CMDLINE, 1);
  wanted(SLOW_IO, 2);
  read_batch();
  was_given_up(0);
  was_read(1, 2);
  int64_t began = now_ms();
  slowread_free(slow);
  slow = NULL;
  batch.count = 0;
  assert_true(now_ms() - began < GRACE_MS);
  assert_int_equal(helpers(), 1);
  release(1, "cmdline");
  wait_for_helpers(0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_kind_of_file),
      TEST(command_lines_empty_and_long),
      TEST(errors),
      TEST(from_a_descriptor_again_and_again),
      TEST(empty_batch),
      TEST(a_thousand),
      TEST(one_hangs_and_the_others_are_read),
      TEST(first_last_and_only),
      TEST(skipped_while_it_hangs),
      TEST(comes_back),
      TEST(budget_is_for_all_waiting),
      TEST(too_many_are_late),
      TEST(threads_are_bounded),
      TEST(a_user_has_two_threads),
      TEST(texts_survive_a_change_of_helper),
      TEST(freed_while_hanging),
  };
  return RUN(tests);
}
