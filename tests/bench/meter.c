/* SPDX-License-Identifier: MIT
 *
 * meter PID INTERVAL SAMPLES [THREADS]
 * What a process that works once an INTERVAL (seconds) needs each time. Prints
 * the medians of µs of CPU time and of read calls in an interval, and then its
 * resident kB. With THREADS the CPU time is that of threads whose names begin
 * so. The phase does not matter: each span of one interval holds the
 * work of one interval, be it in two parts.
 */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A file of /proc/<pid>; "" for a thread that has just ended. */
static const char *text_of(const char *pid, const char *name) {
  static char text[4096];
  char path[320];
  snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
  FILE *file = fopen(path, "r");
  text[file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
  if (file != NULL)
    fclose(file);
  return text;
}

/* The number after `key` in such a file; the first one for "". */
static double number_in(const char *pid, const char *name, const char *key) {
  const char *text = text_of(pid, name);
  const char *found = strstr(text, key);
  return found != NULL ? strtod(found + strlen(key), NULL) : 0;
}

static double cpu_us(const char *pid, const char *threads) {
  char path[300];
  double ns = 0;
  snprintf(path, sizeof(path), "/proc/%s/task", pid);
  DIR *tasks = opendir(path);
  for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.')
      continue;
    snprintf(path, sizeof(path), "task/%s/comm", task->d_name);
    if (strncmp(text_of(pid, path), threads, strlen(threads)) != 0)
      continue;
    snprintf(path, sizeof(path), "task/%s/schedstat", task->d_name);
    ns += number_in(pid, path, "");
  }
  if (tasks != NULL)
    closedir(tasks);
  return ns / 1e3;
}

int main(int argc, char **argv) {
  const char *threads = argc == 5 ? argv[4] : "";
  int samples = samples_of(argc == 5 ? 4 : argc, 4, argv);
  const char *pid = argv[1];
  long long step = (long long)(strtod(argv[2], NULL) * 1e9);

  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  double cpu[SAMPLES_LIMIT] = {0}, reads[SAMPLES_LIMIT] = {0};
  double old_cpu = cpu_us(pid, threads),
         old_reads = number_in(pid, "io", "syscr: ");
  for (int i = 0; i < samples; i++) {
    long long at = next.tv_sec * 1000000000LL + next.tv_nsec + step;
    next.tv_sec = at / 1000000000;
    next.tv_nsec = at % 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    double new_cpu = cpu_us(pid, threads),
           new_reads = number_in(pid, "io", "syscr: ");
    cpu[i] = new_cpu - old_cpu;
    reads[i] = new_reads - old_reads;
    old_cpu = new_cpu;
    old_reads = new_reads;
  }
  printf("%.1f %.0f %.0f\n", median(cpu, samples), median(reads, samples),
         number_in(pid, "status", "VmRSS:"));
  return 0;
}
