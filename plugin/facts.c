/* SPDX-License-Identifier: MIT */
#include "procfs_rooms.h"

#include <errno.h>
#include <stdlib.h>

/* Counts the loss; an error that may pass is not an answer. */
static void cannot_tell(struct procfs *procfs, struct snapshot *snapshot,
                        int error, enum loss denied, enum fact fact,
                        struct facts *facts) {
  count_loss(procfs, snapshot, error, denied);
  if (error_may_pass(error))
    facts->failed |= fact;
}

static void identify_user(struct procfs *procfs, struct snapshot *snapshot,
                          const struct task *task, struct facts *facts) {
  char path[PROC_PATH_SIZE];
  struct status_text status;
  proc_path(path, task->pid, 0, "status");
  ssize_t n = proc_read(procfs->root_fd, path, &procfs->text);
  if (n < 0) {
    cannot_tell(procfs, snapshot, (int)-n, LOSS_FAILED, FACT_USER, facts);
  } else if (parse_status(procfs->text.data, (size_t)n, &status) &&
             (status.has & STATUS_USER)) {
    facts->user = status.user;
    facts->known |= FACT_USER;
  } else {
    cannot_tell(procfs, snapshot, EBADMSG, LOSS_FAILED, FACT_USER, facts);
  }
}

static enum fact fact_of(enum slow_kind kind) {
  switch (kind) {
  case SLOW_CMDLINE:
    return FACT_CMDLINE;
  case SLOW_EXE:
    return FACT_EXECUTABLE;
  default:
    return FACT_CGROUP;
  }
}

static void take_facts(struct procfs *procfs, struct snapshot *snapshot,
                       struct facts *facts) {
  for (size_t i = 0; i < procfs->batch.count; i++) {
    struct slow_read *read = &procfs->batch.reads[i];
    struct facts *of = &facts[read->user];
    if (read->error != 0) {
      cannot_tell(procfs, snapshot, read->error, LOSS_FAILED,
                  fact_of(read->kind), of);
    } else if (read->kind == SLOW_CMDLINE) {
      of->cmdline = read->text;
      of->known |= FACT_CMDLINE;
    } else {
      of->cgroups = read->text;
      of->known |= FACT_CGROUP;
    }
  }
  procfs->batch.count = 0;
  for (size_t i = 0; i < procfs->scan_batch.count; i++) {
    struct slow_read *read = &procfs->scan_batch.reads[i];
    if (read->error != 0) { /* ENOENT: a kernel thread has no executable */
      cannot_tell(procfs, snapshot, read->error, LOSS_EXE_DENIED,
                  FACT_EXECUTABLE, &facts[read->user]);
    } else {
      facts[read->user].executable = read->text;
      facts[read->user].known |= FACT_EXECUTABLE;
    }
  }
  procfs->scan_batch.count = 0;
}

static void add_slow_fact(struct procfs *procfs, struct snapshot *snapshot,
                          const struct task *task, size_t place,
                          enum slow_kind kind, struct facts *facts) {
  struct slow_read read = {.kind = kind,
                           .pid = task->pid,
                           .tid = find_living(procfs, task),
                           .fd = -1,
                           .user = place};
  struct slow_batch *batch =
      kind == SLOW_EXE ? &procfs->scan_batch : &procfs->batch;
  if (!slow_batch_add(batch, read))
    cannot_tell(procfs, snapshot, ENOMEM, LOSS_FAILED, fact_of(kind), facts);
}

void procfs_identify(struct source *source, struct snapshot *snapshot,
                     const size_t *tasks, size_t n, unsigned wanted,
                     struct facts *facts) {
  struct procfs *procfs = (struct procfs *)source;
  for (size_t i = 0; i < n; i++) {
    const struct task *task = &snapshot->tasks[tasks[i]];
    if (wanted & FACT_CMDLINE)
      add_slow_fact(procfs, snapshot, task, i, SLOW_CMDLINE, &facts[i]);
    if (wanted & FACT_CGROUP)
      add_slow_fact(procfs, snapshot, task, i, SLOW_CGROUP, &facts[i]);
    if (wanted & FACT_EXECUTABLE)
      add_slow_fact(procfs, snapshot, task, i, SLOW_EXE, &facts[i]);
  }
  slowread_start(procfs->slow, &procfs->batch);
  slowread_start(procfs->scanner, &procfs->scan_batch);
  for (size_t i = 0; i < n; i++) {
    const struct task *task = &snapshot->tasks[tasks[i]];
    if (wanted & FACT_USER)
      identify_user(procfs, snapshot, task, &facts[i]);
  }
  slowread_finish(procfs->slow, &procfs->batch);
  slowread_finish(procfs->scanner, &procfs->scan_batch);
  take_facts(procfs, snapshot, facts);
}

void facts_free(struct facts *facts) {
  free(facts->cmdline);
  free(facts->cgroups);
  free(facts->executable);
  *facts = (struct facts){0};
}
