/* SPDX-License-Identifier: MIT
 *
 * Commands of `probe` that know how many system calls they make.
 *
 * calls KIND HANDS LINE...
 *   HANDS threads or processes, by KIND: the first one makes each LINE's calls,
 *   the second one twice as many, and so on. A LINE is "<number>:<times>", or
 *   "compat:<times>" for the 32-bit way. Ready says the ids of the others; done
 *   says the calls of all, then those of the first, then of each other one.
 * children PROCESSES CALLS LIFE_MS DEPTH RATE
 *   One child after the other, RATE in a second unless that is 0, each with
 *   CALLS calls of getsid and a life of LIFE_MS, and a child of its own if
 *   DEPTH is more than 1. Done says the calls of all of them, and those of
 *   getsid alone.
 * threads THREADS CALLS
 *   One thread after the other with CALLS calls of getsid.
 * exec CALLS
 * exec-by-thread CALLS
 *   CALLS calls of getsid, then it executes itself, then as many calls again.
 *   The second one leaves that to a thread that is not the main thread.
 * rename ONE OTHER CALLS
 *   Its command is ONE. A round is CALLS calls of getsid, or in turn with that
 * a change of the command to OTHER and back. mmaps CALLS BYTES
 */
#include "probe.h"

#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The main thread's own: say_done(), and the next read. */
#define FRAME_CALLS 2

/* --- calls --- */

enum { HANDS_MOST = 16, LINES_MOST = 16, COMPAT = -2 };

struct line {
  int number;
  long times;
};

static struct line lines[LINES_MOST];
static size_t line_count;
static long hand_count;
static int starts[HANDS_MOST], done; /* eventfds that are semaphores */

#ifdef __x86_64__
static void call_compat(void) {
  long result = 20; /* getpid of the 32-bit table */
  __asm__ volatile("int $0x80"
                   : "+a"(result)
                   :
                   : "r8", "r9", "r10", "r11", "memory", "cc");
}

/* Where the kernel can't, this ends the caller. */
static bool can_compat(void) {
  pid_t child = fork();
  if (child == 0) {
    call_compat();
    _exit(0);
  }
  int status;
  return waitpid(child, &status, 0) == child && status == 0;
}
#else
static void call_compat(void) {}
static bool can_compat(void) { return false; }
#endif

static void make_calls(long times_all) {
  for (size_t i = 0; i < line_count; i++)
    for (long n = lines[i].times * times_all; n > 0; n--)
      if (lines[i].number == COMPAT)
        call_compat();
      else
        syscall(lines[i].number, 0, 0, 0);
}

static long calls_of(long hand) {
  long calls = 0;
  for (size_t i = 0; i < line_count; i++)
    if (lines[i].number >= 0)
      calls += lines[i].times * (hand + 1);
  return calls;
}

static void *be_hand(void *number) {
  long hand = (long)(intptr_t)number;
  for (;;) {
    await(starts[hand]);
    make_calls(hand + 1);
    tell(done);
  }
  return NULL;
}

static pid_t start_process(long hand) {
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    work_follow(parent);
    be_hand((void *)(intptr_t)hand);
  }
  return child;
}

static void read_line(const char *text) {
  char word[32] = "";
  int number = COMPAT;
  long times = 0;
  if (line_count == LINES_MOST ||
      sscanf(text, "%31[^:]:%ld", word, &times) != 2 ||
      (strcmp(word, "compat") != 0 && sscanf(word, "%d", &number) != 1))
    work_fail(text);
  if (number == COMPAT && !can_compat())
    work_skip("no 32-bit system calls");
  lines[line_count++] = (struct line){number, times};
}

static void prepare_calls(char **arguments) {
  bool processes = strcmp(arguments[0], "process") == 0;
  hand_count = work_number(arguments[1], 1, HANDS_MOST);
  for (char **line = arguments + 2; *line != NULL; line++)
    read_line(*line);
  done = eventfd(0, EFD_SEMAPHORE);
  char ids[200] = "";
  for (long hand = 1; hand < hand_count; hand++) {
    pthread_t thread;
    starts[hand] = eventfd(0, EFD_SEMAPHORE);
    pid_t id = processes ? start_process(hand) : 0;
    if (id < 0 || (!processes && pthread_create(&thread, NULL, be_hand,
                                                (void *)(intptr_t)hand) != 0))
      work_fail("hand");
    if (processes)
      snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%d ", (int)id);
  }
  say_ready("%s", ids);
}

/* Each further hand costs it and the main thread two calls each. */
static void round_of_calls(void) {
  long own = calls_of(0) + 2 * (hand_count - 1) + FRAME_CALLS, all = own;
  char others[300] = "";
  for (long hand = 1; hand < hand_count; hand++) {
    long of_hand = calls_of(hand) + 2;
    all += of_hand;
    snprintf(others + strlen(others), sizeof(others) - strlen(others), " %ld",
             of_hand);
    tell(starts[hand]);
  }
  make_calls(1);
  for (long hand = 1; hand < hand_count; hand++)
    await(done);
  say_done("%ld %ld%s", all, own, others);
}

const struct command command_calls = {"calls", 3, prepare_calls,
                                      round_of_calls};

/* --- children and threads --- */

static long processes, calls, life_ms, depth, rate;

static void prepare_children(char **arguments) {
  processes = work_number(arguments[0], 1, 1000000);
  calls = work_number(arguments[1], 0, 1000000);
  life_ms = work_number(arguments[2], 0, 10000);
  depth = work_number(arguments[3], 1, 10);
  rate = work_number(arguments[4], 0, 100000);
}

static void sleep_ns(long ns) {
  nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
}

/* Not fork(): the library makes calls of its own in the child. */
static void bear_child(long generations) {
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child < 0)
    work_fail("clone");
  if (child > 0) {
    if (waitpid(child, NULL, 0) != child)
      work_fail("wait");
    return;
  }
  call_often(calls);
  if (life_ms > 0)
    sleep_ns(life_ms * 1000000);
  if (generations > 1)
    bear_child(generations - 1);
  _exit(0);
}

static void round_of_children(void) {
  for (long i = 0; i < processes; i++) {
    bear_child(depth);
    if (rate > 0)
      sleep_ns(1000000000 / rate);
  }
  /* To make one and to wait for it, what it does, and exit_group. */
  long each = 2 + calls + (life_ms > 0) + 1;
  say_done("%ld %ld", processes * (each * depth + (rate > 0)) + FRAME_CALLS,
           processes * depth * calls);
}

const struct command command_children = {"children", 5, prepare_children,
                                         round_of_children};

static void prepare_threads(char **arguments) {
  processes = work_number(arguments[0], 1, 1000000);
  calls = work_number(arguments[1], 0, 1000000);
}

static void *call_once(void *unused) {
  call_often(calls);
  return unused;
}

static void round_of_threads(void) {
  for (long i = 0; i < processes; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_once, NULL) != 0)
      work_fail("pthread_create");
    pthread_join(thread, NULL);
  }
  say_done("%ld", processes * calls);
}

const struct command command_threads = {"threads", 2, prepare_threads,
                                        round_of_threads};

/* --- exec --- */

static char calls_text[32];

/* The last argument says that it is the new program. */
static void prepare_exec(char **arguments) {
  calls = work_number(arguments[0], 1, 1000000);
  snprintf(calls_text, sizeof(calls_text), "%ld", calls);
  if (arguments[1] != NULL)
    call_often(calls);
}

static void round_of_exec(void) {
  call_often(calls);
  execl("/proc/self/exe", "probe", "60", "exec", calls_text, "again", NULL);
  work_fail("exec");
}

static void *execute(void *unused) {
  round_of_exec();
  return unused;
}

static void round_of_exec_by_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, execute, NULL) != 0)
    work_fail("pthread_create");
  pause();
}

const struct command command_exec = {"exec", 1, prepare_exec, round_of_exec};
const struct command command_exec_by_thread = {
    "exec-by-thread", 1, prepare_exec, round_of_exec_by_thread};

/* --- rename --- */

static const char *names[2];

static void prepare_rename(char **arguments) {
  names[0] = arguments[0];
  names[1] = arguments[1];
  calls = work_number(arguments[2], 1, 1000000);
  prctl(PR_SET_NAME, names[0]);
}

static void round_of_rename(void) {
  static int rounds;
  if (rounds++ % 2 == 0)
    call_often(calls);
  else
    prctl(PR_SET_NAME, names[rounds / 2 % 2]);
  say_done("%ld", calls);
}

const struct command command_rename = {"rename", 3, prepare_rename,
                                       round_of_rename};

/* --- mmaps --- */

static size_t bytes;

static void prepare_mmaps(char **arguments) {
  calls = work_number(arguments[0], 1, 1000000);
  bytes = (size_t)work_number(arguments[1], 1, 1L << 30);
}

static void round_of_mmaps(void) {
  for (long i = 0; i < calls; i++) {
    void *memory =
        mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      work_fail("mmap");
    munmap(memory, bytes);
  }
  say_done("%ld %ld %zu", 2 * calls + FRAME_CALLS, calls,
           (size_t)calls * bytes);
}

const struct command command_mmaps = {"mmaps", 2, prepare_mmaps,
                                      round_of_mmaps};
