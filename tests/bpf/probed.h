/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the probes say: a workload that knows what it does, the
 * plugin that watches it, and both have to agree.
 *
 *   struct worker *w = given("calls thread 4 %d:1000", SYS_getsid);
 *   watch("<Probe 'syscall'>; </Probe>");
 *   const double *said = round_of(w);
 *   counted(of(w, "operations-syscalls"), said[0]);
 */
#ifndef PROCTRACE_TESTS_PROBED_H
#define PROCTRACE_TESTS_PROBED_H

#include "../plugin/fixture.h"

#include <stdbool.h>

/* Like TEST(); the workloads of the test end with it. */
#define PROBE_TEST(f)                                                          \
  cmocka_unit_test_setup_teardown(f, fixture_setup, probed_end)
int probed_end(void **state);

struct worker {
  pid_t pid;
  pid_t child; /* the same, or the program by which it was started */
  int in, out; /* our ends of its stdin and stdout */
  double numbers[20];
};

/*
 * Start tests/work/probe with these arguments, parted by blanks, and wait until
 * it sleeps.  What it says behind its id is in numbers.  A workload that cannot
 * be here skips the test.
 */
__attribute__((format(printf, 1, 2))) struct worker *given(const char *format,
                                                           ...);
/* The same as the child of a program: "unshare --pid --fork". */
__attribute__((format(printf, 2, 3))) struct worker *
given_by(const char *program, const char *format, ...);
void end_worker(struct worker *worker);

/* One round; what it says at its end. */
const double *round_of(struct worker *worker);
/* The same in two steps. */
void begin_round(struct worker *worker);
const double *end_round(struct worker *worker);
void wait_until_asleep(pid_t pid);

/* The plugin with the source BPF, and two reads: from then on the workers (or
 * whatever the options of the second one select) are watched. */
void watch(const char *options);
void watch_by(const char *rules, const char *options);

/* Identifiers of a worker, of another process, and of the group of all. */
const char *of(const struct worker *worker, const char *series);
const char *of_pid(pid_t pid, const char *series);
const char *of_group(const char *series);

/* The last value; 0 if the last read did not send it. */
double value_or_0(const char *id);

/*
 * Read until the counter is that high: then it is exactly that, and stays.
 *
 * Since Linux 7.0 a thread can lose its CPU in the middle of a program, and
 * until it goes on the kernel leaves that program out for all others on that
 * CPU, and counts them (self/operations-dropped_probe_missed).  So what is
 * missing must be no more than that, here and in all_grown().
 */
void counted(const char *id, double n);

/*
 * Where an interrupt stops a task that the kernel has exempted from BPF, no
 * program runs (some virtual machines have such a one).  So of what ends in an
 * interrupt each round may lose some, but the kernel does so now and then, and
 * a probe that loses some itself does so always: one of several rounds has to
 * be exact, and none may have too much.
 */
#define ROUNDS 8
struct growth {
  char id[100];
  double want, before;
  double each;     /* how much one event is: 1 */
  double left_out; /* runs, so far */
};
struct growth growth_of(const char *id, double want);
/* Read; whether each grew so, since growth_of() or since it was asked last. */
bool all_grown(struct growth *growths, size_t n);

void within(double least, double value, double most, const char *what);

/*
 * How long a program's own clock may run on its way into the kernel and back,
 * for what that is on a machine.  An emulated one (PROCTRACE_TEST_EMULATED)
 * does the same instructions, each many times slower: there it is as many times
 * longer as two short system calls are.
 */
double way_ns(double ns);
bool is_emulated(void);

/*
 * The series "latency-<name>-p50" to "-max" of this worker against what
 * samples_say() prints of it, from the first percentile on.  The plugin may see
 * less than the sample by less_ns, which lies on the way there and back; the
 * last `vague` of the four may be less by any amount.
 */
void percentiles_fit(const struct worker *worker, const char *name,
                     const double *samples, double less_ns, int vague);

/* Sum of a number, from 1, in schedstat of all threads. */
double schedstat_sum(pid_t pid, int column);
/* Sum behind a key in status of all threads. */
double status_sum(pid_t pid, const char *key);

#endif
