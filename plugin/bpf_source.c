/* SPDX-License-Identifier: MIT */
#include "bpf_source.h"

#include "bpf_loader.h"
#include "bpf_pass.h"
#include "log.h"
#include "procfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The counters that procfs sums up by itself, from another start. */
#define OWN_SUMS                                                               \
  (FIELD_BIT(FIELD_VOLUNTARY) | FIELD_BIT(FIELD_INVOLUNTARY) |                 \
   FIELD_BIT(FIELD_RUNTIME) | FIELD_BIT(FIELD_WAIT))

struct bpf_source {
  struct source source;
  struct source *procfs;
  const struct bpf_module *module;
  struct bpf_programs *programs; /* NULL: the pins have vanished */
  char *pins;                    /* NULL: we have loaded them */
  unsigned generation;
  uint64_t zombies; /* so many there were, of these programs */
  struct bpf_pass pass;
  bool failed, failed_before; /* the iterator, in this interval and the last */
  bool said;
  char *buffer;
  size_t buffer_size; /* eight pages: what the kernel fills at once */
};

/* --- scan --- */

/* Whose end the kernel has not shown to its program. */
static uint64_t read_zombies(const struct bpf_source *bpf) {
  uint64_t losses[PROBE_LOSSES];
  return bpf->module->read_losses(bpf->programs, losses) == 0
             ? losses[PROBE_LOSS_ZOMBIES]
             : bpf->zombies;
}

static void use_programs(struct bpf_source *bpf,
                         struct bpf_programs *programs) {
  bpf->programs = programs;
  bpf->generation++;
  bpf->pass.with_threads = bpf->module->with_threads(programs);
  bpf->zombies = read_zombies(bpf);
}

/* What the pins were is no more: is there something else? */
static void reopen(struct bpf_source *bpf) {
  char reason[512];
  bool had = bpf->programs != NULL;
  if (had) {
    bpf->module->close(bpf->programs);
    bpf->generation++;
  }
  bpf->programs = NULL;
  struct bpf_programs *programs =
      bpf->module->open_pinned(bpf->pins, reason, sizeof(reason));
  if (programs != NULL) {
    use_programs(bpf, programs);
    log_info("the pins in %s are %s", bpf->pins,
             had ? "others now, and used" : "back, and used");
  } else if (had) {
    log_warning("the pins are gone: %s; procfs takes their place until they "
                "are back",
                reason);
  }
}

/* A descriptor, or a negative errno. */
static int begin_pass(struct bpf_source *bpf) {
  int fd =
      bpf->programs == NULL ? -ENOENT : bpf->module->begin_pass(bpf->programs);
  bool ours = bpf->programs != NULL && fd != -ESTALE && fd != -ENOENT;
  if (fd >= 0 || bpf->pins == NULL || ours)
    return fd;
  reopen(bpf);
  return bpf->programs == NULL ? -ENOENT
                               : bpf->module->begin_pass(bpf->programs);
}

static int read_pass(struct bpf_source *bpf, struct snapshot *snapshot) {
  int fd = begin_pass(bpf);
  if (fd < 0)
    return fd;
  ssize_t n;
  int status = 0;
  while (status == 0 && (n = read(fd, bpf->buffer, bpf->buffer_size)) != 0) {
    if (n > 0)
      status = bpf_pass_take(&bpf->pass, snapshot, bpf->buffer, (size_t)n);
    else if (errno != EAGAIN && errno != EINTR) /* EAGAIN: it took a break */
      status = -errno;
  }
  close(fd);
  return status;
}

/* So many records are taken at once. */
#define ENDED_CHUNK 64

/* Whatever cannot be read is read in the next interval. */
static void read_ended(struct bpf_source *bpf, struct snapshot *snapshot) {
  struct exit_record records[ENDED_CHUNK];
  int n;
  while ((n = bpf->module->read_exits(bpf->programs, records, ENDED_CHUNK,
                                      &snapshot->losses[LOSS_ENDED])) > 0) {
    for (int i = 0; i < n; i++) {
      struct ended *ended = snapshot_add_ended(snapshot);
      if (ended == NULL) {
        snapshot->losses[LOSS_ENDED]++;
        continue;
      }
      bpf_pass_tell_ended(&bpf->pass, snapshot, &records[i], ended);
      if (bpf->failed_before)
        ended->task.valid &= ~OWN_SUMS;
    }
  }
  uint64_t zombies = read_zombies(bpf);
  if (zombies > bpf->zombies)
    snapshot->losses[LOSS_ZOMBIES] += zombies - bpf->zombies;
  bpf->zombies = zombies;
}

static int bpf_scan(struct source *source, struct snapshot *snapshot) {
  struct bpf_source *bpf = (struct bpf_source *)source;
  procfs_begin(bpf->procfs, snapshot);
  bpf_pass_begin(&bpf->pass);
  snapshot->complete = true;
  int status = read_pass(bpf, snapshot);
  bpf->failed_before = bpf->failed;
  bpf->failed = status != 0;
  source->name = bpf->failed ? bpf->procfs->name : "bpf";
  if (bpf->failed != bpf->failed_before)
    snapshot->rebase = OWN_SUMS;
  if (!bpf->failed) {
    bpf_pass_end(&bpf->pass, snapshot);
    if (bpf->module->probes(bpf->programs)->exits)
      read_ended(bpf, snapshot);
    return 0;
  }
  if (!bpf->said && bpf->programs != NULL)
    log_warning("the BPF task iterator cannot be read: %s; procfs takes its "
                "place for this interval (said once; self/gauge-source_procfs "
                "shows when)",
                strerror(-status));
  bpf->said |= bpf->programs != NULL;
  bpf_pass_drop(&bpf->pass, snapshot);
  return procfs_scan_all(bpf->procfs, snapshot);
}

/* --- detail --- */

static void bpf_detail(struct source *source, struct snapshot *snapshot,
                       const size_t *tasks, size_t n, unsigned wanted) {
  struct bpf_source *bpf = (struct bpf_source *)source;
  unsigned missing = bpf->failed ? wanted : 0;
  for (size_t i = 0; i < n && !bpf->failed; i++)
    missing |= bpf_pass_reveal(&bpf->pass, snapshot, tasks[i], wanted);
  if (missing != 0)
    bpf->procfs->detail(bpf->procfs, snapshot, tasks, n, missing);
}

static void bpf_identify(struct source *source, struct snapshot *snapshot,
                         const size_t *tasks, size_t n, unsigned wanted,
                         struct facts *facts) {
  struct bpf_source *bpf = (struct bpf_source *)source;
  bpf->procfs->identify(bpf->procfs, snapshot, tasks, n, wanted, facts);
}

/* --- life --- */

static void release(struct bpf_source *bpf) {
  if (bpf->programs != NULL)
    bpf->module->close(bpf->programs);
  free(bpf->buffer);
  free(bpf->pins);
  bpf_pass_free(&bpf->pass);
  free(bpf);
}

static void bpf_free(struct source *source) {
  struct bpf_source *bpf = (struct bpf_source *)source;
  bpf->procfs->free(bpf->procfs);
  release(bpf);
}

/*
 * The iterator says the ids of our own PID namespace.  A proc file system of
 * another one either does not know us, or shows one id of ours for each
 * namespace from its own down to ours.
 */
static bool shows_our_pids(const char *root) {
  char path[512], line[256], rest;
  int pid, found = 0;
  snprintf(path, sizeof(path), "%s/self/status", root);
  FILE *status = fopen(path, "re");
  while (status != NULL && found == 0 &&
         fgets(line, sizeof(line), status) != NULL)
    if (strncmp(line, "NSpid:", 6) == 0)
      found = sscanf(line + 6, "%d %c", &pid, &rest);
  if (status != NULL)
    fclose(status);
  return found == 1 && pid == getpid();
}

struct source *bpf_source_new(const struct bpf_source_options *options,
                              struct source *procfs, char *reason,
                              size_t size) {
  if (!shows_our_pids(options->root)) {
    snprintf(reason, size,
             "ProcRoot \"%s\" does not show the PID namespace of collectd",
             options->root);
    return NULL;
  }
  const struct bpf_module *module =
      bpf_loader_open(options->module, reason, size);
  if (module == NULL)
    return NULL;
  struct bpf_source *bpf = calloc(1, sizeof(*bpf));
  if (bpf != NULL) {
    bpf->buffer_size = (size_t)sysconf(_SC_PAGESIZE) << 3;
    bpf->buffer = malloc(bpf->buffer_size);
    bpf->pins = options->pins != NULL ? strdup(options->pins) : NULL;
  }
  if (bpf == NULL || bpf->buffer == NULL ||
      (options->pins != NULL && bpf->pins == NULL)) {
    snprintf(reason, size, "out of memory");
    if (bpf != NULL)
      release(bpf);
    return NULL;
  }
  bpf->source = (struct source){
      .name = "bpf",
      .scan = bpf_scan,
      .identify = bpf_identify,
      .detail = bpf_detail,
      .free = bpf_free,
  };
  bpf->procfs = procfs;
  bpf->module = module;
  bpf->pass = (struct bpf_pass){
      .ticks = (unsigned)sysconf(_SC_CLK_TCK),
      .page_size = (uint64_t)sysconf(_SC_PAGESIZE),
      .procfs = procfs,
  };
  static const struct probe_setup no_probes = {.slots = 1, .shards_most = 1};
  struct bpf_programs *programs;
  if (options->pins != NULL) {
    programs = module->open_pinned(options->pins, reason, size);
  } else {
    programs = module->open(
        options->threads,
        options->probes != NULL ? options->probes : &no_probes, reason, size);
  }
  /* Pins may come later; what we cannot load now we never can. */
  if (programs == NULL && options->pins == NULL) {
    release(bpf);
    return NULL;
  }
  if (programs != NULL)
    use_programs(bpf, programs);
  else
    log_error("values come from procfs until there are pins: %s", reason);
  return &bpf->source;
}

const struct bpf_module *bpf_source_module(const struct source *source) {
  return ((const struct bpf_source *)source)->module;
}

struct bpf_programs *bpf_source_programs(const struct source *source) {
  return ((const struct bpf_source *)source)->programs;
}

unsigned bpf_source_generation(const struct source *source) {
  return ((const struct bpf_source *)source)->generation;
}
