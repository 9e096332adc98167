/* SPDX-License-Identifier: MIT */
#include "runtime.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROGRAMS_LIMIT = 4096 }; /* bpftrace has one for each system call */
enum { EMPTY_LIMIT = 4 };

struct program {
  uint32_t id;
  char name[BPF_OBJ_NAME_LEN];
  uint64_t ns, runs;
};

static struct program before[PROGRAMS_LIMIT], after[PROGRAMS_LIMIT];
static unsigned before_count;
static struct { int program, link; } empty[EMPTY_LIMIT];
static unsigned empty_count;
static int timing = -1;

static int bpf(enum bpf_cmd command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static struct program ask(int fd) {
  struct bpf_prog_info info = {0};
  union bpf_attr attributes = {.info = {.bpf_fd = (uint32_t)fd,
                                        .info_len = sizeof(info),
                                        .info = (uintptr_t)&info}};
  struct program program = {0};
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0)
    return program;
  program.id = info.id;
  program.ns = info.run_time_ns;
  program.runs = info.run_cnt;
  memcpy(program.name, info.name, sizeof(program.name));
  return program;
}

/* All programs, in the order of their ids. */
static unsigned ask_all(struct program *out) {
  unsigned count = 0;
  union bpf_attr next = {0};
  while (count < PROGRAMS_LIMIT && bpf(BPF_PROG_GET_NEXT_ID, &next) == 0) {
    next.start_id = next.next_id;
    union bpf_attr attributes = {.prog_id = next.start_id};
    int fd = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
    if (fd < 0)
      continue; /* it has just gone */
    out[count++] = ask(fd);
    close(fd);
  }
  return count;
}

/* "return 0" */
static int load_empty(void) {
  static const struct bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
      {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
                               .insn_cnt = sizeof(code) / sizeof(code[0]),
                               .insns = (uintptr_t)code,
                               .license = (uintptr_t) "MIT",
                               .prog_name = "bench_empty"};
  return bpf(BPF_PROG_LOAD, &attributes);
}

static int attach(int program, const char *tracepoint) {
  union bpf_attr attributes = {
      .raw_tracepoint = {.name = (uintptr_t)tracepoint,
                         .prog_fd = (uint32_t)program}};
  return bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes);
}

bool runtime_attach_empty(const char *tracepoint) {
  errno = E2BIG;
  int program = empty_count < EMPTY_LIMIT ? load_empty() : -1;
  if (program < 0)
    return false;
  int link = attach(program, tracepoint);
  if (link < 0) {
    close(program);
    return false;
  }
  empty[empty_count].program = program;
  empty[empty_count++].link = link;
  return true;
}

void runtime_detach_empty(void) {
  while (empty_count > 0) {
    close(empty[--empty_count].link);
    close(empty[empty_count].program);
  }
}

static void stop_timing(void) {
  close(timing);
  runtime_detach_empty();
}

bool runtime_begin(const char *tracepoint) {
  union bpf_attr attributes = {.enable_stats = {.type = BPF_STATS_RUN_TIME}};
  timing = bpf(BPF_ENABLE_STATS, &attributes);
  if (timing < 0)
    return false;
  if (!runtime_attach_empty(tracepoint)) {
    stop_timing();
    return false;
  }
  before_count = ask_all(before);
  return true;
}

/* Of one that was there from the start. */
static double mean(const struct program *program) {
  unsigned i = 0;
  while (i < before_count && before[i].id != program->id)
    i++;
  if (i == before_count || program->runs == before[i].runs)
    return 0;
  return (double)(program->ns - before[i].ns) /
         (double)(program->runs - before[i].runs);
}

static uint64_t runs(const struct program *program) {
  for (unsigned i = 0; i < before_count; i++)
    if (before[i].id == program->id)
      return program->runs - before[i].runs;
  return 0;
}

void runtime_end(long events, FILE *out) {
  unsigned count = ask_all(after);
  uint32_t empty_id = ask(empty[0].program).id;
  double instrument = 0;
  for (unsigned i = 0; i < count; i++)
    if (after[i].id == empty_id)
      instrument = mean(&after[i]);
  for (unsigned i = 0; i < count; i++)
    if (after[i].id != empty_id && runs(&after[i]) >= (uint64_t)events / 2)
      fprintf(out, " %.16s=%.1f", after[i].name, mean(&after[i]) - instrument);
  stop_timing();
}
