/* SPDX-License-Identifier: MIT */
/*
 * What is told of the host as a whole.
 */
#ifndef PROCTRACE_HOST_H
#define PROCTRACE_HOST_H

#include "procfile.h"
#include "snapshot.h"

struct host_reader {
  int root_fd;
  struct text text;
  unsigned reads;
  double cpus, boot_time; /* seldom change: read once in 30 times */
};

/* Returns 0 or a negative errno. */
int host_open(struct host_reader *reader, const char *root);

/*
 * Fill `host`; what can't be read stays below zero, or not valid.  What this
 * kernel does not have is no loss, all else counts as one.
 */
void host_read(struct host_reader *reader, struct host *host,
               uint64_t losses[LOSS_COUNT]);

void host_close(struct host_reader *reader);

#endif
