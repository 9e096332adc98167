/* SPDX-License-Identifier: MIT
 *
 * A command of `probe`.
 *
 * dio DIRECTORY READS READ_BYTES WRITES WRITE_BYTES
 *   Reads and writes that go to the disk one by one (O_DIRECT), in a file of
 * its own that is complete before the first round. Done says how long the reads
 *   were (samples_say).
 */
#include "probe.h"

#include "work.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_BYTES (1 << 20)
#define BLOCKS 32

static long reads, read_bytes, writes, write_bytes;
static int file;
static char *buffer;
static struct samples samples;

/* /proc/self/io says whether what we read came from a disk. */
static long disk_bytes(void) {
  char text[512] = "";
  int fd = open("/proc/self/io", O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
    work_fail("/proc/self/io");
  close(fd);
  const char *line = strstr(text, "\nread_bytes:");
  return line != NULL ? atol(line + strlen("\nread_bytes:")) : 0;
}

/* Unlinked: its name is the kernel's to forget. */
static void create_file(const char *directory) {
  char name[512];
  snprintf(name, sizeof(name), "%s/probe-dio.XXXXXX", directory);
  int fd = mkostemp(name, O_DIRECT);
  if (fd < 0)
    work_skip("O_DIRECT");
  unlink(name);
  file = fd;
  for (int i = 0; i < BLOCKS; i++)
    if (pwrite(file, buffer, BLOCK_BYTES, (off_t)i * BLOCK_BYTES) !=
        BLOCK_BYTES)
      work_skip("O_DIRECT");
  if (fsync(file) != 0)
    work_fail("fsync");
}

static void prepare_dio(char **arguments) {
  reads = work_number(arguments[1], 0, 1000000);
  read_bytes = work_number(arguments[2], 512, BLOCK_BYTES);
  writes = work_number(arguments[3], 0, 1000000);
  write_bytes = work_number(arguments[4], 512, BLOCK_BYTES);
  buffer = aligned_alloc(4096, BLOCK_BYTES);
  if (buffer == NULL)
    work_fail("buffer");
  memset(buffer, 'x', BLOCK_BYTES);
  samples_prepare(&samples, (size_t)reads + 1);
  create_file(arguments[0]);
  long before = disk_bytes();
  if (pread(file, buffer, 4096, 0) != 4096 || disk_bytes() != before + 4096)
    work_skip("no disk below");
}

/* Mixed, so that no two are neighbours and become one. */
static off_t place(long i, long size) {
  long places = (long)BLOCK_BYTES * BLOCKS / size;
  return (off_t)(i * 7919 % places) * size;
}

static void round_of_dio(void) {
  samples_reset(&samples);
  for (long i = 0; i < reads; i++) {
    uint64_t began = sample_begin();
    ssize_t got = pread(file, buffer, (size_t)read_bytes, place(i, read_bytes));
    sample_end(&samples, began);
    if (got != read_bytes)
      work_fail("pread");
  }
  for (long i = 0; i < writes; i++)
    if (pwrite(file, buffer, (size_t)write_bytes, place(i, write_bytes)) !=
        write_bytes)
      work_fail("pwrite");
  if (samples.count == 0)
    samples_add(&samples, 0, 0);
  samples_say(&samples);
}

const struct command command_dio = {"dio", 5, prepare_dio, round_of_dio};
