/* SPDX-License-Identifier: MIT */
/*
 * A fake /proc in a temporary directory, written by statements such as
 *
 *   fake_process(7, "redis-server", .rss_kib = 4096, .utime = 250);
 *   fake_thread(redis, 8, "io_thd", .runtime = 5000);
 *
 * There is one, made by fakeproc_create().  What a statement does not name is
 * 0, or what an idle process with one thread has.  Change the numbers in the
 * returned struct, then call fake_update() to write them.
 */
#ifndef PROCTRACE_TESTS_FAKEPROC_H
#define PROCTRACE_TESTS_FAKEPROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FAKE_THREADS_MAX = 16, FAKE_CPUS = 4 };
#define FAKE_BOOT_TIME 1700000000

struct fake_process;

/* A thread but the leader; its CPU time and faults are part of its process's
 * numbers and have to be added there too. */
struct fake_thread {
  struct fake_process *process;
  pid_t tid;
  const char *comm;
  char state; /* 0: S */
  uint64_t utime, stime, minflt, majflt;
  uint64_t voluntary, involuntary, runtime, wait;
  const char *wchan;
};

struct fake_process {
  pid_t pid, ppid; /* ppid 0: 1 */
  const char *comm;
  const char *cmdline; /* blanks part the arguments; NULL: the comm */
  const char *cgroup;  /* NULL: / */
  const char *exe;     /* NULL: /usr/bin/ and the comm */
  uid_t uid;
  bool kernel_thread;
  bool untraceable;   /* nobody may know its exe and its wait channels */
  uint64_t starttime; /* ticks after boot; 0: long ago, 100 for each PID */

  /* The whole process. */
  uint64_t utime, stime; /* ticks */
  uint64_t minflt, majflt, cminflt, cmajflt;
  uint64_t rss_kib, rss_peak_kib, vm_kib, vm_peak_kib, swap_kib;
  uint64_t pss_kib, private_clean_kib, private_dirty_kib;
  uint64_t rchar, wchar, syscr, syscw, read_bytes, write_bytes;
  unsigned fds, fd_limit; /* fd_limit 0: unlimited */

  /* The leader alone. */
  char state; /* 0: S; Z and X have no memory, files and command line */
  uint64_t voluntary, involuntary, runtime, wait; /* switches; ns */
  const char *wchan;                              /* NULL: 0 */

  /* Kept by fakeproc.c. */
  struct fake_thread *threads[FAKE_THREADS_MAX];
  unsigned threads_num;
  bool was_threaded;
  uint64_t ended_utime, ended_stime, ended_minflt, ended_majflt;
  struct fake_process *next;
};

struct fake_pressure {
  double some_avg10, full_avg10;
  uint64_t some_us, full_us;
};

struct fake_host {
  double load[3];
  uint64_t memory_total_kib, memory_available_kib;
  uint64_t swap_total_kib, swap_free_kib;
  double uptime;
  struct fake_pressure cpu, io, memory;
};

void fakeproc_create(void);
void fakeproc_remove(void);
const char *fakeproc_root(void);

/* The host's numbers; fake_host_update() writes loadavg, meminfo, ... */
extern struct fake_host fake_host;
void fake_host_update(void);

#define fake_process(pid_, comm_, ...)                                         \
  fake_process_add(                                                            \
      (struct fake_process){.pid = pid_, .comm = comm_, __VA_ARGS__})
struct fake_process *fake_process_add(struct fake_process process);
void fake_update(struct fake_process *process);
/* The start time of a process that starts just now. */
uint64_t fake_now(void);
/* It ends: its directory and its struct are gone. */
void fake_end(struct fake_process *process);

#define fake_thread(process_, tid_, comm_, ...)                                \
  fake_thread_add((struct fake_thread){                                        \
      .process = process_, .tid = tid_, .comm = comm_, __VA_ARGS__})
struct fake_thread *fake_thread_add(struct fake_thread thread);
/* Its CPU time stays in its process, as the kernel does it. */
void fake_thread_end(struct fake_thread *thread);

/*
 * Replace a file below the process's directory; fake_update() writes over the
 * text of the first but leaves a FIFO, a directory or nothing as it is.
 */
void fake_file(struct fake_process *process, const char *name,
               const char *text);
void fake_fifo(struct fake_process *process, const char *name);
/* Put the plain file back, and let go of who waits to open the FIFO. */
void fake_release(struct fake_process *process, const char *name);
void fake_unreadable(struct fake_process *process, const char *name);

/* The path of a file in the tree; valid until the next call. */
const char *fake_path(const struct fake_process *process, const char *name);

#endif
