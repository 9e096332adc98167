/* SPDX-License-Identifier: MIT */
#include "host.h"

#include "proctext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* /proc/stat costs milliseconds on a large machine: it lists every interrupt
 * of every CPU. */
#define CPUS_READS 30

int host_open(struct host_reader *reader, const char *root) {
  *reader = (struct host_reader){.cpus = -1, .boot_time = -1};
  reader->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return reader->root_fd < 0 ? -errno : 0;
}

/* Of no file, or of one that is there and not served: pressure with psi=0. */
static bool is_absent(int error) {
  return error == ENOENT || error == EOPNOTSUPP;
}

/* Its text, "" if it can't be read. */
static const char *read_file(struct host_reader *reader, const char *name,
                             size_t *length, uint64_t losses[LOSS_COUNT]) {
  ssize_t n = proc_read(reader->root_fd, name, &reader->text);
  if (n == -EMFILE || n == -ENFILE)
    losses[LOSS_DESCRIPTORS]++;
  else if (n < 0 && !is_absent((int)-n))
    losses[LOSS_FAILED]++;
  *length = n < 0 ? 0 : (size_t)n;
  return n < 0 ? "" : reader->text.data;
}

/* A text that is there and does not say what it should. */
static void check(bool understood, size_t length, uint64_t losses[LOSS_COUNT]) {
  losses[LOSS_FAILED] += !understood && length > 0;
}

void host_read(struct host_reader *reader, struct host *host,
               uint64_t losses[LOSS_COUNT]) {
  static const char *const pressures[PRESSURE_RESOURCES] = {
      [PRESSURE_CPU] = "pressure/cpu",
      [PRESSURE_IO] = "pressure/io",
      [PRESSURE_MEMORY] = "pressure/memory",
  };
  host->memory_total = host->memory_available = host->swap_used = -1;
  size_t n;
  const char *text = read_file(reader, "loadavg", &n, losses);
  bool understood = parse_loadavg(text, n, host->load);
  if (!understood)
    host->load[0] = host->load[1] = host->load[2] = -1;
  check(understood, n, losses);
  text = read_file(reader, "meminfo", &n, losses);
  check(parse_meminfo(text, n, &host->memory_total, &host->memory_available,
                      &host->swap_used),
        n, losses);
  if (reader->reads++ % CPUS_READS == 0 || reader->cpus < 0 ||
      reader->boot_time < 0) {
    text = read_file(reader, "stat", &n, losses);
    check(parse_cpus_and_boot(text, n, &reader->cpus, &reader->boot_time), n,
          losses);
  }
  host->cpus = reader->cpus;
  host->boot_time = reader->boot_time;
  for (int i = 0; i < PRESSURE_RESOURCES; i++) {
    text = read_file(reader, pressures[i], &n, losses);
    check(parse_pressure(text, n, &host->some[i], &host->full[i]), n, losses);
  }
}

void host_close(struct host_reader *reader) {
  if (reader->root_fd >= 0)
    close(reader->root_fd);
  free(reader->text.data);
}
