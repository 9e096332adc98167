/* SPDX-License-Identifier: MIT */
/*
 * /proc/<pid>/stat: any text, and text as the kernel prints it of a process
 * that may call itself anything.
 */
#include "fuzz.h"

#include "proctext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_any(const struct stat_text *out) {
  CHECK(memchr(out->comm, '\0', COMM_SIZE) != NULL);
}

static void any_text(struct input input) {
  struct stat_text out;
  if (parse_stat((const char *)input.at, left(&input), &out))
    check_any(&out);
}

/* --- as the kernel prints it --- */

static void take_stat(struct input *input, struct stat_text *stat) {
  *stat = (struct stat_text){
      .pid = (pid_t)(take_bytes(input, 4) & INT32_MAX),
      .ppid = (pid_t)(take_bytes(input, 4) & INT32_MAX),
      .state = "RSDTtXZPI"[take_byte(input) % 9],
      .flags = (uint32_t)take_bytes(input, 4),
      .minflt = take_number(input),
      .reaped_minflt = take_number(input),
      .majflt = take_number(input),
      .utime = take_number(input),
      .stime = take_number(input),
      .threads = take_bytes(input, 4),
      .start = take_number(input),
      .vsize = take_number(input),
      .rss = take_number(input) & INT64_MAX,
  };
  take_string(input, stat->comm, sizeof(stat->comm));
}

/* fs/proc/array.c do_task_stat() */
static int print_stat(char *out, size_t size, const struct stat_text *s,
                      const char *work) {
  return snprintf(
      out, size,
      "%d (%s%s) %c %d 5 -1 34816 -1 %u %ju %ju %ju 7 %ju %ju 1 2 20 -19 %ju 0 "
      "%ju %ju %ju 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 "
      "0 0 0 0 0 0 0 0 0 0\n",
      (int)s->pid, s->comm, work, s->state, (int)s->ppid, s->flags,
      (uintmax_t)s->minflt, (uintmax_t)s->reaped_minflt, (uintmax_t)s->majflt,
      (uintmax_t)s->utime, (uintmax_t)s->stime, (uintmax_t)s->threads,
      (uintmax_t)s->start, (uintmax_t)s->vsize, (uintmax_t)s->rss);
}

static void check_same(const struct stat_text *out,
                       const struct stat_text *true_one) {
  CHECK(out->pid == true_one->pid);
  CHECK(out->ppid == true_one->ppid);
  CHECK(out->state == true_one->state);
  CHECK(out->flags == true_one->flags);
  CHECK(out->minflt == true_one->minflt);
  CHECK(out->reaped_minflt == true_one->reaped_minflt);
  CHECK(out->majflt == true_one->majflt);
  CHECK(out->utime == true_one->utime);
  CHECK(out->stime == true_one->stime);
  CHECK(out->threads == true_one->threads);
  CHECK(out->start == true_one->start);
  CHECK(out->vsize == true_one->vsize);
  CHECK(out->rss == true_one->rss);
  CHECK(memchr(out->comm, '\0', COMM_SIZE) != NULL);
}

/* No name forges a number, and no text that was cut is half believed. */
static void kernels_text(struct input input) {
  struct stat_text stat, out;
  char text[1024];
  size_t cut = take_bytes(&input, 2);
  take_stat(&input, &stat);
  bool works = (stat.flags & STAT_FLAG_WORKER) && stat.comm[0] == 'k';
  int n = print_stat(text, sizeof(text), &stat, works ? "-events" : "");
  CHECK(parse_stat(text, (size_t)n, &out));
  check_same(&out, &stat);
  CHECK(works || strcmp(out.comm, stat.comm) == 0);
  char *start = exact_copy(text, cut % (size_t)n);
  if (parse_stat(start, cut % (size_t)n, &out))
    check_same(&out, &stat);
  free(start);
}

void fuzz_stat(struct input input) {
  if (left(&input) > 0 && input.at[0] == 'k') {
    input.at++;
    kernels_text(input);
  } else {
    any_text(input);
  }
}
