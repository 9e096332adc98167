/* SPDX-License-Identifier: MIT */
#include "proctext.h"

#include <stdlib.h>
#include <string.h>

/* A place in a text, and where the text ends. */
struct cursor {
  const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void skip_blanks(struct cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
    c->at++;
}

/* So many digits fit into 64 bits whatever they are. */
#define SAFE_DIGITS 19

/* The same with a test at each digit. */
static uint64_t saturated(const char *at, const char *end) {
  uint64_t value = 0;
  for (; at < end; at++)
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
      return UINT64_MAX;
  return value;
}

/* A fifth of what a process costs beyond the kernel's own work is spent here:
 * hence the local variables. */
static bool scan_u64(struct cursor *c, uint64_t *out) {
  const char *at = c->at, *end = c->end;
  while (at < end && (*at == ' ' || *at == '\t'))
    at++;
  const char *first = at;
  uint64_t value = 0;
  for (unsigned digit;
       at < end && (digit = (unsigned)(unsigned char)*at - '0') <= 9; at++)
    value = value * 10 + digit;
  c->at = at;
  *out = at - first > SAFE_DIGITS ? saturated(first, at) : value;
  return at > first;
}

/* A number at the very end of a text may be the half of one. */
static bool take_u64(struct cursor *c, uint64_t *out) {
  return scan_u64(c, out) && c->at < c->end;
}

/* A number that the kernel prints signed and that is never below zero where
 * we use it: a negative one reads as 0. */
static bool take_signed(struct cursor *c, uint64_t *out) {
  skip_blanks(c);
  bool negative = c->at < c->end && *c->at == '-';
  if (negative)
    c->at++;
  if (!take_u64(c, out))
    return false;
  if (negative)
    *out = 0;
  return true;
}

static bool skip_words(struct cursor *c, int n) {
  while (n-- > 0) {
    skip_blanks(c);
    if (c->at == c->end)
      return false;
    while (c->at < c->end && *c->at != ' ')
      c->at++;
  }
  return true;
}

/* Go to the start of the next line; false at the end of the text. */
static bool next_line(struct cursor *c) {
  const char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
  c->at = newline == NULL ? c->end : newline + 1;
  return c->at < c->end;
}

/* Does the text at the cursor begin with this word?  If so, step over it.
 * Inline: the length is a constant and the comparison a few instructions. */
static inline __attribute__((always_inline)) bool
take_word(struct cursor *c, const char *word, size_t length) {
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
    return false;
  c->at += length;
  return true;
}
#define TAKE(cursor, word) take_word(cursor, word, sizeof(word) - 1)

static bool take_kilobytes(struct cursor *c, uint64_t *bytes) {
  if (!take_u64(c, bytes))
    return false;
  if (__builtin_mul_overflow(*bytes, 1024, bytes))
    *bytes = UINT64_MAX;
  return true;
}

/* A name is cut to what the task itself holds, so that sources agree. */
static void copy_comm(const struct cursor *name, uint32_t flags,
                      char comm[COMM_SIZE]) {
  size_t length = (size_t)(name->end - name->at);
  /*
   * The kernel lengthens the name of a work-queue worker by what it works on
   * just now: "kworker/0:1-events" (fs/proc/array.c proc_task_name(), Linux
   * 4.18, commit 6b59808bfe48).  A rescuer, "kworker/R-<queue>" or on older
   * kernels just the queue's name, keeps it.
   */
  static const char worker[] = "kworker/";
  const size_t prefix = sizeof(worker) - 1;
  if ((flags & STAT_FLAG_WORKER) && length > prefix &&
      memcmp(name->at, worker, prefix) == 0 && name->at[prefix] != 'R') {
    for (size_t i = 0; i < length; i++)
      if (name->at[i] == '-' || name->at[i] == '+')
        length = i;
  }
  if (length > COMM_SIZE - 1)
    length = COMM_SIZE - 1;
  memcpy(comm, name->at, length);
  comm[length] = '\0';
}

/*
 * "7 (comm) S 1 ...": the comm may hold anything, ") R 1 (" and newlines too,
 * but nothing behind it holds a parenthesis.
 */
bool parse_stat(const char *text, size_t length, struct stat_text *out) {
  struct cursor c = {text, text + length};
  uint64_t n;
  if (!take_u64(&c, &n))
    return false;
  out->pid = (pid_t)n;
  const char *close = memrchr(text, ')', length);
  if (!TAKE(&c, " (") || close == NULL || close < c.at)
    return false;
  struct cursor name = {c.at, close};
  c.at = close + 1;
  if (!TAKE(&c, " ") || c.at == c.end)
    return false;
  out->state = *c.at++;
  if (!take_signed(&c, &n))
    return false;
  out->ppid = (pid_t)n;
  if (!skip_words(&c, 4) || !take_u64(&c, &n)) /* pgrp session tty tpgid */
    return false;
  out->flags = (uint32_t)n;
  copy_comm(&name, out->flags, out->comm);
  return take_u64(&c, &out->minflt) && take_u64(&c, &out->reaped_minflt) &&
         take_u64(&c, &out->majflt) && skip_words(&c, 1) && /* cmajflt */
         take_u64(&c, &out->utime) && take_u64(&c, &out->stime) &&
         skip_words(&c, 4) && /* cutime cstime priority nice */
         take_signed(&c, &out->threads) && skip_words(&c, 1) &&
         take_u64(&c, &out->start) && take_u64(&c, &out->vsize) &&
         take_signed(&c, &out->rss);
}

/* The line under the cursor, if it is one that we want. */
static unsigned take_status_line(struct cursor *c, struct status_text *out) {
  switch (*c->at) {
  case 'S':
    if (!TAKE(c, "State:"))
      return 0;
    skip_blanks(c);
    if (c->at == c->end)
      return 0;
    out->state = *c->at;
    return STATUS_STATE;
  case 'U': {
    uint64_t real, effective;
    if (!TAKE(c, "Uid:") || !take_u64(c, &real) || !take_u64(c, &effective))
      return 0;
    out->user = (uid_t)effective;
    return STATUS_USER;
  }
  case 'V':
    if (TAKE(c, "VmPeak:"))
      return take_kilobytes(c, &out->vm_peak) ? STATUS_VM_PEAK : 0;
    if (TAKE(c, "VmSize:"))
      return take_kilobytes(c, &out->vm) ? STATUS_VM : 0;
    if (TAKE(c, "VmHWM:"))
      return take_kilobytes(c, &out->rss_peak) ? STATUS_RSS_PEAK : 0;
    if (TAKE(c, "VmRSS:"))
      return take_kilobytes(c, &out->rss) ? STATUS_RSS : 0;
    if (TAKE(c, "VmSwap:"))
      return take_kilobytes(c, &out->swap) ? STATUS_SWAP : 0;
    return 0;
  case 'v':
    return TAKE(c, "voluntary_ctxt_switches:") && take_u64(c, &out->voluntary)
               ? STATUS_VOLUNTARY
               : 0;
  case 'n':
    return TAKE(c, "nonvoluntary_ctxt_switches:") &&
                   take_u64(c, &out->involuntary)
               ? STATUS_INVOLUNTARY
               : 0;
  default:
    return 0;
  }
}

/* The context switches stand in the last lines, behind thirty that we don't
 * want: come to them from the end. */
static void parse_status_tail(struct cursor *c, struct status_text *out) {
  const unsigned both = STATUS_VOLUNTARY | STATUS_INVOLUNTARY;
  const char *end = c->end;
  while (end > c->at && (out->has & both) != both) {
    const char *newline = memrchr(c->at, '\n', (size_t)(end - c->at));
    struct cursor line = {newline == NULL ? c->at : newline + 1, c->end};
    if (line.at < line.end)
      out->has |= take_status_line(&line, out);
    end = newline == NULL ? c->at : newline;
  }
}

/*
 * The first line is the name, in which the kernel escapes newlines: no name
 * can pass for another line.
 */
bool parse_status(const char *text, size_t length, struct status_text *out) {
  struct cursor c = {text, text + length};
  out->has = 0;
  while (next_line(&c)) {
    if (TAKE(&c, "Threads:")) { /* the memory is behind us */
      parse_status_tail(&c, out);
      break;
    }
    out->has |= take_status_line(&c, out);
    if (out->has & STATUS_SWAP) {
      parse_status_tail(&c, out);
      break;
    }
  }
  return out->has & STATUS_STATE;
}

bool parse_io(const char *text, size_t length, struct io_text *out) {
  struct cursor c = {text, text + length};
  return TAKE(&c, "rchar:") && take_u64(&c, &out->rchar) && next_line(&c) &&
         TAKE(&c, "wchar:") && take_u64(&c, &out->wchar) && next_line(&c) &&
         TAKE(&c, "syscr:") && take_u64(&c, &out->syscr) && next_line(&c) &&
         TAKE(&c, "syscw:") && take_u64(&c, &out->syscw) && next_line(&c) &&
         TAKE(&c, "read_bytes:") && take_u64(&c, &out->read_bytes) &&
         next_line(&c) && TAKE(&c, "write_bytes:") &&
         take_u64(&c, &out->write_bytes) && c.at < c.end && *c.at == '\n';
}

bool parse_schedstat(const char *text, size_t length, uint64_t *runtime,
                     uint64_t *wait) {
  struct cursor c = {text, text + length};
  uint64_t slices;
  return take_u64(&c, runtime) && take_u64(&c, wait) && take_u64(&c, &slices);
}

bool parse_limits(const char *text, size_t length, uint64_t *open_files) {
  struct cursor c = {text, text + length};
  do {
    if (!TAKE(&c, "Max open files"))
      continue;
    skip_blanks(&c);
    if (TAKE(&c, "unlimited")) {
      *open_files = 0;
      return true;
    }
    return take_u64(&c, open_files);
  } while (next_line(&c));
  return false;
}

bool parse_smaps_rollup(const char *text, size_t length, uint64_t *pss,
                        uint64_t *uss) {
  struct cursor c = {text, text + length};
  uint64_t clean = 0, dirty = 0;
  unsigned found = 0;
  while (next_line(&c)) {
    if (TAKE(&c, "Pss:"))
      found += take_kilobytes(&c, pss);
    else if (TAKE(&c, "Private_Clean:"))
      found += take_kilobytes(&c, &clean);
    else if (TAKE(&c, "Private_Dirty:"))
      found += take_kilobytes(&c, &dirty);
  }
  *uss = clean + dirty;
  return found == 3;
}

/* strtod() wants a zero behind the number: copy the word out.  collectd keeps
 * LC_NUMERIC at "C". */
static bool take_double(struct cursor *c, double *out) {
  char word[32];
  size_t n = 0;
  skip_blanks(c);
  while (c->at < c->end && n < sizeof(word) - 1 &&
         (is_digit(*c->at) || *c->at == '.'))
    word[n++] = *c->at++;
  word[n] = '\0';
  char *end;
  *out = strtod(word, &end);
  return n > 0 && *end == '\0' && c->at < c->end;
}

bool parse_loadavg(const char *text, size_t length, double load[3]) {
  struct cursor c = {text, text + length};
  return take_double(&c, &load[0]) && take_double(&c, &load[1]) &&
         take_double(&c, &load[2]);
}

bool parse_meminfo(const char *text, size_t length, double *total,
                   double *available, double *swap_used) {
  struct cursor c = {text, text + length};
  uint64_t value, swap_total = 0, swap_free = 0;
  bool has_memory = false, has_available = false;
  bool has_total = false, has_free = false;
  do {
    if (TAKE(&c, "MemTotal:") && take_kilobytes(&c, &value)) {
      *total = (double)value;
      has_memory = true;
    } else if (TAKE(&c, "MemAvailable:") && take_kilobytes(&c, &value)) {
      *available = (double)value;
      has_available = true;
    } else if (TAKE(&c, "SwapTotal:")) {
      has_total = take_kilobytes(&c, &swap_total);
    } else if (TAKE(&c, "SwapFree:")) {
      has_free = take_kilobytes(&c, &swap_free);
    }
  } while (next_line(&c));
  bool has_swap = has_total && has_free && swap_free <= swap_total;
  if (has_swap)
    *swap_used = (double)(swap_total - swap_free);
  return has_memory && has_available && has_swap;
}

/* More seconds than these no double counts one by one. */
#define BOOT_TIME_MOST (UINT64_C(1) << 53)

bool parse_cpus_and_boot(const char *text, size_t length, double *cpus,
                         double *boot_time) {
  struct cursor c = {text, text + length};
  uint64_t value;
  unsigned count = 0;
  bool has_boot = false;
  do {
    if (TAKE(&c, "cpu") && c.at < c.end && is_digit(*c.at)) {
      count++;
    } else if (TAKE(&c, "btime") && take_u64(&c, &value) &&
               value <= BOOT_TIME_MOST) {
      *boot_time = (double)value;
      has_boot = true;
    }
  } while (next_line(&c));
  if (count > 0 && has_boot) /* which follows the last of them */
    *cpus = count;
  return count > 0 && has_boot;
}

/* "some avg10=5.23 avg60=1.75 avg300=0.54 total=3924712" */
static void take_pressure(struct cursor *c, struct pressure *out) {
  out->valid = TAKE(c, " avg10=") && take_double(c, &out->avg10) &&
               skip_words(c, 2) && TAKE(c, " total=") &&
               take_u64(c, &out->total_us);
}

bool parse_pressure(const char *text, size_t length, struct pressure *some,
                    struct pressure *full) {
  struct cursor c = {text, text + length};
  some->valid = full->valid = false;
  bool has_full = false;
  do {
    if (TAKE(&c, "some")) {
      take_pressure(&c, some);
    } else if (TAKE(&c, "full")) {
      take_pressure(&c, full);
      has_full = true;
    }
  } while (next_line(&c));
  return some->valid && full->valid == has_full;
}

bool parse_number(const char *text, size_t length, uint64_t *out) {
  struct cursor c = {text, text + length};
  if (!scan_u64(&c, out))
    return false;
  while (c.at < c.end && strchr(" \t\r\n", *c.at) != NULL && *c.at != '\0')
    c.at++;
  return c.at == c.end;
}

enum field state_field(char letter) {
  switch (letter) {
  case 'R':
    return FIELD_RUNNING;
  case 'D':
    return FIELD_BLOCKED;
  case 'T': /* by a signal */
  case 't': /* by a tracer */
    return FIELD_STOPPED;
  case 'Z':
  case 'X': /* dying; seen for an instant */
  case 'x':
    return FIELD_ZOMBIES;
  case 'I':
  case 'P': /* parked */
    return FIELD_IDLE;
  default: /* S; K and W of old kernels sleep too */
    return FIELD_SLEEPING;
  }
}
