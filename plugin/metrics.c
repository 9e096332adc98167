/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#define ANY (SCOPE_PROCESS | SCOPE_GROUP | SCOPE_THREAD)
#define WHOLE (SCOPE_PROCESS | SCOPE_GROUP)
#define STATE(name, field, letters)                                            \
  {                                                                            \
    "ps_state", name, {field, FIELD_COUNT}, 1, GROUP_STATE, ANY, "threads",    \
        "threads in state " letters                                            \
  }

const struct metric metrics[] = {
    STATE("running", FIELD_RUNNING, "R: on a CPU or waiting for one"),
    STATE("sleeping", FIELD_SLEEPING, "S: waiting, a signal can wake it"),
    STATE("blocked", FIELD_BLOCKED, "D: waiting for a disk or a lock"),
    STATE("stopped", FIELD_STOPPED, "T, t: by a signal or a tracer"),
    STATE("zombies", FIELD_ZOMBIES, "Z: ended, its parent has not looked"),
    STATE("idle", FIELD_IDLE, "I: kernel threads without work"),
    {"ps_count",
     "",
     {FIELD_PROCESSES, FIELD_THREADS},
     1,
     GROUP_BASIC,
     WHOLE | SCOPE_OTHER,
     "number",
     "processes and threads"},
    {"uptime",
     "",
     {FIELD_AGE, FIELD_COUNT},
     1,
     GROUP_BASIC,
     SCOPE_PROCESS,
     "s",
     "since the process started"},
    {"ps_rss",
     "",
     {FIELD_RSS, FIELD_COUNT},
     1,
     GROUP_MEMORY,
     WHOLE,
     "bytes",
     "resident memory, VmRSS"},
    {"ps_rss",
     "peak",
     {FIELD_RSS_PEAK, FIELD_COUNT},
     1,
     GROUP_MEMORY,
     WHOLE,
     "bytes",
     "its high-water mark, VmHWM"},
    {"ps_vm",
     "",
     {FIELD_VM, FIELD_COUNT},
     1,
     GROUP_MEMORY,
     WHOLE | SCOPE_OTHER,
     "bytes",
     "address space, VmSize"},
    {"ps_vm",
     "peak",
     {FIELD_VM_PEAK, FIELD_COUNT},
     1,
     GROUP_MEMORY,
     WHOLE,
     "bytes",
     "its high-water mark, VmPeak"},
    {"bytes",
     "swap",
     {FIELD_SWAP, FIELD_COUNT},
     1,
     GROUP_MEMORY,
     WHOLE,
     "bytes",
     "memory swapped out, VmSwap"},
    {"bytes",
     "pss",
     {FIELD_PSS, FIELD_COUNT},
     1,
     GROUP_PSS,
     WHOLE,
     "bytes",
     "resident memory, shared pages divided among their users"},
    {"bytes",
     "uss",
     {FIELD_USS, FIELD_COUNT},
     1,
     GROUP_PSS,
     WHOLE,
     "bytes",
     "resident memory that is the process's own alone"},
    {"ps_cputime",
     "",
     {FIELD_UTIME, FIELD_STIME},
     1,
     GROUP_CPU,
     ANY | SCOPE_OTHER,
     "µs",
     "CPU time in user and kernel mode"},
    {"ps_pagefaults",
     "",
     {FIELD_MINFLT, FIELD_MAJFLT},
     1,
     GROUP_MEMORY,
     ANY | SCOPE_OTHER,
     "faults",
     "page faults without and with I/O"},
    {"contextswitch",
     "voluntary",
     {FIELD_VOLUNTARY, FIELD_COUNT},
     1,
     GROUP_CONTEXTSWITCH,
     ANY,
     "switches",
     "gave the CPU up to wait"},
    {"contextswitch",
     "involuntary",
     {FIELD_INVOLUNTARY, FIELD_COUNT},
     1,
     GROUP_CONTEXTSWITCH,
     ANY,
     "switches",
     "was taken off the CPU"},
    {"disk_octets",
     "",
     {FIELD_READ_BYTES, FIELD_WRITE_BYTES},
     1,
     GROUP_IO,
     WHOLE,
     "bytes",
     "read from and written to block devices"},
    {"io_ops",
     "",
     {FIELD_SYSCR, FIELD_SYSCW},
     1,
     GROUP_IO,
     WHOLE,
     "calls",
     "read and write system calls"},
    {"io_octets",
     "",
     {FIELD_RCHAR, FIELD_WCHAR},
     1,
     GROUP_IO,
     WHOLE,
     "bytes",
     "passed through read and write calls, caches and pipes too"},
    {"file_handles",
     "",
     {FIELD_FDS, FIELD_COUNT},
     1,
     GROUP_FILES,
     WHOLE,
     "number",
     "open files"},
    {"percent",
     "fd_limit",
     {FIELD_FD_USED_PPM, FIELD_COUNT},
     1e-4,
     GROUP_FILES,
     WHOLE,
     "percent",
     "open files of the soft limit; a group's worst member"},
    {"derive",
     "runtime_ns",
     {FIELD_RUNTIME, FIELD_COUNT},
     1,
     GROUP_SCHED,
     ANY,
     "ns",
     "on a CPU"},
    {"derive",
     "wait_sum_ns",
     {FIELD_WAIT, FIELD_COUNT},
     1,
     GROUP_SCHED,
     ANY,
     "ns",
     "runnable, but waiting for a CPU"},
};
const size_t metric_count = sizeof(metrics) / sizeof(metrics[0]);

const char *const probe_names[PROBES] = {
    [PROBE_SYSCALL] = "syscall", [PROBE_RUNQUEUE] = "runqueue",
    [PROBE_BLOCKIO] = "blockio", [PROBE_TCPCONNECT] = "tcpconnect",
    [PROBE_MMAP] = "mmap",
};

const char *const probe_loss_names[PROBE_LOSSES] = {
    [PROBE_LOSS_STORAGE] = "storage",   [PROBE_LOSS_WATCH] = "watch",
    [PROBE_LOSS_REQUESTS] = "requests", [PROBE_LOSS_CONNECTS] = "connects",
    [PROBE_LOSS_CELLS] = "cells",       [PROBE_LOSS_CLOCK] = "clock",
    [PROBE_LOSS_ZOMBIES] = "zombies",
};

#define PROBED (SCOPE_PROCESS | SCOPE_GROUP)
#define SYSCALL PROBE_BIT(PROBE_SYSCALL)
#define TIMED (SYSCALL | NEEDS_LATENCY)
#define RUNQUEUE PROBE_BIT(PROBE_RUNQUEUE)
#define BLOCKIO PROBE_BIT(PROBE_BLOCKIO)
#define TCPCONNECT PROBE_BIT(PROBE_TCPCONNECT)
#define MMAP PROBE_BIT(PROBE_MMAP)
/* The rows that every latency has. */
#define LATENCY(name, latency, needs, scopes, what)                            \
  {"latency",                                                                  \
   name "-<p>",                                                                \
   ROW_PERCENTILES,                                                            \
   latency,                                                                    \
   needs,                                                                      \
   scopes,                                                                     \
   "s",                                                                        \
   what ": Percentiles of the interval, and max"},                             \
  {                                                                            \
    "total_events", name "_le_<us>", ROW_BUCKETS, latency,                     \
        (needs) | NEEDS_HISTOGRAM, scopes, "events",                           \
        what ": those that took less, inf: all"                                \
  }

const struct probe_metric probe_metrics[] = {
    {"operations", "syscalls", ROW_COUNTER, PROBED_SYSCALLS, SYSCALL,
     PROBED | SCOPE_HOST, "calls", "system calls begun"},
    {"operations", "syscalls_compat", ROW_COUNTER_IF_ANY,
     PROBED_SYSCALLS_COMPAT, SYSCALL, PROBED | SCOPE_HOST, "calls",
     "system calls of the 32-bit kind, not in the above"},
    {"derive", "syscall_time_ns", ROW_COUNTER, PROBED_SYSCALL_NS, TIMED,
     PROBED | SCOPE_HOST, "ns", "in system calls that returned"},
    LATENCY("syscall", LATENCY_SYSCALL, TIMED, PROBED | SCOPE_HOST,
            "time of a system call"),
    {"operations", "syscall_<name>", ROW_CALLS, 0, SYSCALL, PROBED | SCOPE_HOST,
     "calls", "one system call, of the Names that took most time"},
    {"derive", "syscall_<name>_time_ns", ROW_CALL_TIME, 0, TIMED,
     PROBED | SCOPE_HOST, "ns", "in that system call"},
    LATENCY("syscall_<name>", LATENCY_NAMED, TIMED, PROBED | SCOPE_HOST,
            "time of a system call of LatencyOf"),
    {"operations", "runqueue", ROW_COUNTER, PROBED_WAITS, RUNQUEUE,
     PROBED | SCOPE_HOST, "waits", "waits for a CPU"},
    {"derive", "runqueue_time_ns", ROW_COUNTER, PROBED_WAIT_NS, RUNQUEUE,
     PROBED | SCOPE_HOST, "ns", "waited for a CPU"},
    LATENCY("runqueue", LATENCY_RUNQUEUE, RUNQUEUE, PROBED | SCOPE_HOST,
            "wait for a CPU"),
    {"total_events", "wakeups", ROW_COUNTER, PROBED_WAKEUPS, RUNQUEUE,
     PROBED | SCOPE_HOST, "wakeups", "a thread of it was woken"},
    {"operations", "blockio_read", ROW_COUNTER, PROBED_READS, BLOCKIO,
     PROBED | SCOPE_HOST, "requests", "reads of block devices"},
    {"total_bytes", "blockio_read", ROW_COUNTER, PROBED_READ_BYTES, BLOCKIO,
     PROBED | SCOPE_HOST, "bytes", "read by them"},
    {"derive", "blockio_read_time_ns", ROW_COUNTER, PROBED_READ_NS, BLOCKIO,
     PROBED | SCOPE_HOST, "ns", "their times, added up"},
    LATENCY("blockio_read", LATENCY_BLOCKIO_READ, BLOCKIO, PROBED | SCOPE_HOST,
            "time of a read of a block device"),
    {"operations", "blockio_write", ROW_COUNTER, PROBED_WRITES, BLOCKIO,
     PROBED | SCOPE_HOST, "requests", "writes to block devices"},
    {"total_bytes", "blockio_write", ROW_COUNTER, PROBED_WRITE_BYTES, BLOCKIO,
     PROBED | SCOPE_HOST, "bytes", "written by them"},
    {"derive", "blockio_write_time_ns", ROW_COUNTER, PROBED_WRITE_NS, BLOCKIO,
     PROBED | SCOPE_HOST, "ns", "their times, added up"},
    LATENCY("blockio_write", LATENCY_BLOCKIO_WRITE, BLOCKIO,
            PROBED | SCOPE_HOST, "time of a write to a block device"),
    {"operations", "blockio_by_kernel", ROW_COUNTER, PROBED_BY_KERNEL, BLOCKIO,
     SCOPE_HOST, "requests", "requests of kernel threads: writeback"},
    {"total_connections", "established", ROW_COUNTER, PROBED_ESTABLISHED,
     TCPCONNECT, PROBED, "connections", "TCP connects that succeeded"},
    {"total_connections", "failed", ROW_COUNTER, PROBED_FAILED, TCPCONNECT,
     PROBED, "connections", "TCP connects that failed"},
    {"total_connections", "failed_<errno>", ROW_FAILED, 0, TCPCONNECT, PROBED,
     "connections", "those by errno; aborted: closed before it was known"},
    {"operations", "tcpconnect", ROW_COUNTER, PROBED_TIMED, TCPCONNECT, PROBED,
     "handshakes", "TCP handshakes that were timed"},
    {"derive", "tcpconnect_time_ns", ROW_COUNTER, PROBED_CONNECT_NS, TCPCONNECT,
     PROBED, "ns", "their times, added up"},
    LATENCY("tcpconnect", LATENCY_TCPCONNECT, TCPCONNECT, PROBED,
            "time of a TCP handshake"),
    {"operations", "mmap", ROW_COUNTER, PROBED_MMAPS, MMAP, PROBED, "calls",
     "mmap calls"},
    {"total_bytes", "mmap", ROW_COUNTER, PROBED_MMAP_BYTES, MMAP, PROBED,
     "bytes", "asked for by them"},
};
const size_t probe_metric_count =
    sizeof(probe_metrics) / sizeof(probe_metrics[0]);

const struct collect_name collect_names[] = {
    {"state", GROUP_STATE, true},
    {"memory", GROUP_MEMORY, true},
    {"cpu", GROUP_CPU, true},
    {"contextswitch", GROUP_CONTEXTSWITCH, true},
    {"io", GROUP_IO, true},
    {"files", GROUP_FILES, true},
    {"sched", GROUP_SCHED, true},
    {"wchan", GROUP_WCHAN, false},
    {"pss", GROUP_PSS, false},
    {"threads", GROUP_THREADS, false},
    {"histogram", COLLECT_HISTOGRAM, false},
};
const size_t collect_name_count =
    sizeof(collect_names) / sizeof(collect_names[0]);

const struct loss_text loss_texts[LOSS_COUNT] = {
    [LOSS_PROCESS_DENIED] = {"count", "unreadable_processes",
                             "no right to read some processes at all: /proc is "
                             "mounted with hidepid; its option gid= gives it"},
    [LOSS_IO_DENIED] = {"count", "unreadable_io",
                        "no right to read the I/O counters of some processes; "
                        "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH give it"},
    [LOSS_FILES_DENIED] =
        {"count", "unreadable_files",
         "no right to count the open files of some processes; "
         "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH give it, or Linux 6.2"},
    [LOSS_WCHAN_DENIED] = {"count", "unreadable_wchan",
                           "no right to see the wait channel of some threads; "
                           "CAP_SYS_PTRACE gives it"},
    [LOSS_PSS_DENIED] = {"count", "unreadable_pss",
                         "no right to read smaps_rollup of some processes; "
                         "CAP_SYS_PTRACE gives it"},
    [LOSS_EXE_DENIED] =
        {"count", "unreadable_executable",
         "no right to see the executable of some processes, so that rules "
         "with Executable miss them; CAP_SYS_PTRACE gives it"},
    [LOSS_STUCK] =
        {"operations", "dropped_stuck",
         "a process holds its lock for long: its I/O counters, command line, "
         "PSS or all of it are left out until it lets go"},
    [LOSS_LATE] = {"operations", "dropped_late",
                   "reading took three quarters of the interval: the rest is "
                   "left out; raise the Interval, or watch less"},
    [LOSS_DESCRIPTORS] =
        {"operations", "dropped_descriptors",
         "no file descriptor left; raise LimitNOFILE of collectd's unit, or "
         "lower MaxDescriptors"},
    [LOSS_ENDED] =
        {"operations", "dropped_ended",
         "more processes ended in one interval than BPF keeps records of: "
         "what they did last is missing; shorten the Interval"},
    /* No line: some kernels have a few of them all the time. */
    [LOSS_ZOMBIES] = {"operations", "dropped_zombies", NULL},
    [LOSS_FAILED] = {"operations", "dropped_failed",
                     "some files of /proc could not be read"},
    [LOSS_MEMORY] = {"operations", "dropped_memory",
                     "out of memory: some processes or values are left out"},
    [LOSS_MAX_PROCESSES] = {"operations", "dropped_max_processes",
                            "more processes are selected than MaxProcesses: "
                            "the others count in their groups alone"},
    [LOSS_MAX_THREADS] = {"operations", "dropped_max_threads",
                          "there are more threads than MaxThreads: the others "
                          "count in their processes alone"},
    [LOSS_MAX_GROUPS] = {"operations", "dropped_max_groups",
                         "command lines name more groups than MaxProcesses: "
                         "the processes of the others are not selected"},
};
