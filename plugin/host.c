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

/* Its text, "" if it can't be read. */
static const char *read_file(struct host_reader *reader, const char *name,
                             size_t *length) {
  ssize_t n = proc_read(reader->root_fd, name, &reader->text);
  *length = n < 0 ? 0 : (size_t)n;
  return n < 0 ? "" : reader->text.data;
}

void host_read(struct host_reader *reader, struct host *host) {
  static const char *const pressures[PRESSURE_RESOURCES] = {
      [PRESSURE_CPU] = "pressure/cpu",
      [PRESSURE_IO] = "pressure/io",
      [PRESSURE_MEMORY] = "pressure/memory",
  };
  host->memory_total = host->memory_available = host->swap_used = -1;
  size_t n;
  const char *text = read_file(reader, "loadavg", &n);
  if (!parse_loadavg(text, n, host->load))
    host->load[0] = host->load[1] = host->load[2] = -1;
  text = read_file(reader, "meminfo", &n);
  parse_meminfo(text, n, &host->memory_total, &host->memory_available,
                &host->swap_used);
  if (reader->reads++ % CPUS_READS == 0) {
    text = read_file(reader, "stat", &n);
    parse_cpus_and_boot(text, n, &reader->cpus, &reader->boot_time);
  }
  host->cpus = reader->cpus;
  host->boot_time = reader->boot_time;
  for (int i = 0; i < PRESSURE_RESOURCES; i++) {
    text = read_file(reader, pressures[i], &n);
    parse_pressure(text, n, &host->some[i], &host->full[i]);
  }
}

void host_close(struct host_reader *reader) {
  if (reader->root_fd >= 0)
    close(reader->root_fd);
  free(reader->text.data);
}
