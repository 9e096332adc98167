/* SPDX-License-Identifier: MIT */
/*
 * /proc/<pid>/status: any text, and text as the kernel prints it of a process
 * that may call itself anything.
 */
#include "fuzz.h"

#include "proctext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL                                                                    \
  (STATUS_STATE | STATUS_USER | STATUS_VM_PEAK | STATUS_RSS_PEAK |             \
   STATUS_RSS | STATUS_SWAP | STATUS_VOLUNTARY | STATUS_INVOLUNTARY |          \
   STATUS_VM)
#define MEMORY                                                                 \
  (STATUS_VM_PEAK | STATUS_RSS_PEAK | STATUS_RSS | STATUS_SWAP | STATUS_VM)

static void any_text(struct input input) {
  struct status_text out;
  bool parsed = parse_status((const char *)input.at, left(&input), &out);
  CHECK(parsed == ((out.has & STATUS_STATE) != 0));
  CHECK((out.has & ~(unsigned)ALL) == 0);
}

/* --- as the kernel prints it --- */

struct printer {
  char text[4096];
  size_t length;
};

#define PRINT(printer, ...)                                                    \
  ((printer)->length +=                                                        \
   (size_t)snprintf((printer)->text + (printer)->length,                       \
                    sizeof((printer)->text) - (printer)->length, __VA_ARGS__))

/* fs/proc/array.c proc_task_name() escapes these two. */
static void print_name(struct printer *printer, const char *name) {
  PRINT(printer, "Name:\t");
  for (; *name != '\0'; name++)
    if (*name == '\n' || *name == '\\')
      PRINT(printer, *name == '\n' ? "\\n" : "\\\\");
    else
      PRINT(printer, "%c", *name);
  PRINT(printer, "\n");
}

static uint64_t take_kilobytes(struct input *input) {
  return take_number(input) / 1024 * 1024;
}

static void take_status(struct input *input, struct status_text *status) {
  *status = (struct status_text){
      .has = take_byte(input) & 1 ? ALL : ALL & ~MEMORY,
      .state = "RSDTtXZPI"[take_byte(input) % 9],
      .user = (uid_t)take_bytes(input, 4),
      .vm = take_kilobytes(input),
      .vm_peak = take_kilobytes(input),
      .rss = take_kilobytes(input),
      .rss_peak = take_kilobytes(input),
      .swap = take_kilobytes(input),
      .voluntary = take_number(input),
      .involuntary = take_number(input),
  };
}

static void print_memory(struct printer *printer,
                         const struct status_text *status) {
  PRINT(printer, "VmPeak:\t%8ju kB\nVmSize:\t%8ju kB\n",
        (uintmax_t)status->vm_peak / 1024, (uintmax_t)status->vm / 1024);
  PRINT(printer, "VmLck:\t       0 kB\nVmPin:\t       0 kB\n");
  PRINT(printer, "VmHWM:\t%8ju kB\nVmRSS:\t%8ju kB\n",
        (uintmax_t)status->rss_peak / 1024, (uintmax_t)status->rss / 1024);
  PRINT(printer, "RssAnon:\t     112 kB\nVmData:\t     360 kB\n");
  PRINT(printer, "VmSwap:\t%8ju kB\nHugetlbPages:\t       0 kB\n",
        (uintmax_t)status->swap / 1024);
}

static void print_status(struct printer *printer, const char *name,
                         const struct status_text *status) {
  print_name(printer, name);
  PRINT(printer, "Umask:\t0022\nState:\t%c (whatever)\nTgid:\t7\nNgid:\t0\n",
        status->state);
  PRINT(printer, "Uid:\t65534\t%u\t1\t2\nGid:\t0\t0\t0\t0\nGroups:\t4 24 \n",
        (unsigned)status->user);
  if (status->has & STATUS_VM)
    print_memory(printer, status);
  PRINT(printer, "Threads:\t3\nSigQ:\t2/96365\nSeccomp:\t0\n");
  PRINT(printer, "voluntary_ctxt_switches:\t%ju\n",
        (uintmax_t)status->voluntary);
  PRINT(printer, "nonvoluntary_ctxt_switches:\t%ju\n",
        (uintmax_t)status->involuntary);
}

static void check_told(const struct status_text *out,
                       const struct status_text *true_one) {
  CHECK((out->has & ~true_one->has) == 0);
  if (out->has & STATUS_STATE)
    CHECK(out->state == true_one->state);
  if (out->has & STATUS_USER)
    CHECK(out->user == true_one->user);
  if (out->has & STATUS_VM)
    CHECK(out->vm == true_one->vm);
  if (out->has & STATUS_VM_PEAK)
    CHECK(out->vm_peak == true_one->vm_peak);
  if (out->has & STATUS_RSS)
    CHECK(out->rss == true_one->rss);
  if (out->has & STATUS_RSS_PEAK)
    CHECK(out->rss_peak == true_one->rss_peak);
  if (out->has & STATUS_SWAP)
    CHECK(out->swap == true_one->swap);
  if (out->has & STATUS_VOLUNTARY)
    CHECK(out->voluntary == true_one->voluntary);
  if (out->has & STATUS_INVOLUNTARY)
    CHECK(out->involuntary == true_one->involuntary);
}

/* No name forges a line, and no text that was cut is half believed. */
static void kernels_text(struct input input) {
  struct status_text status, out;
  struct printer printer = {.length = 0};
  char name[64];
  size_t cut = take_bytes(&input, 2);
  take_status(&input, &status);
  take_string(&input, name, sizeof(name));
  print_status(&printer, name, &status);
  CHECK(parse_status(printer.text, printer.length, &out));
  CHECK(out.has == status.has);
  check_told(&out, &status);
  cut %= printer.length;
  char *start = exact_copy(printer.text, cut);
  parse_status(start, cut, &out);
  check_told(&out, &status);
  free(start);
}

void fuzz_status(struct input input) {
  if (left(&input) > 0 && input.at[0] == 'k') {
    input.at++;
    kernels_text(input);
  } else {
    any_text(input);
  }
}
