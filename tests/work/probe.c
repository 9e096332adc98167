/* SPDX-License-Identifier: MIT
 *
 * probe SECONDS COMMAND [ARGUMENT...]
 * Does what the probes are to see, and says how much of it there was. It
 * prints "ready <pid> ...", then each byte on stdin starts a round of COMMAND,
 * at whose end it prints "done" and numbers; it ends at the end of stdin. Stdin
 * and stdout are best two sockets: a pipe's lock would make it sleep at times.
 *
 * From a byte to the next wait the main thread makes the system calls of the
 * round, one write and the next read. COMMANDs that know how many calls that
 * are say so in their first number.
 */
#include "probe.h"

#include "work.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &command_calls,          &command_children, &command_exec,
    &command_exec_by_thread, &command_mmaps,    &command_rename,
    &command_threads,        &command_loops,    &command_pingpong,
    &command_sleeps,         &command_waits,    &command_dio,
    &command_connects,       &command_traced,
};

static char ready[256];

static void say(const char *text) {
  if (write(STDOUT_FILENO, text, strlen(text)) != (ssize_t)strlen(text))
    work_fail("write");
}

void say_ready(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(ready, sizeof(ready), format, arguments);
  va_end(arguments);
}

void say_done(const char *format, ...) {
  char numbers[512], line[520];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(numbers, sizeof(numbers), format, arguments);
  va_end(arguments);
  snprintf(line, sizeof(line), "done %s\n", numbers);
  say(line);
}

void call_often(long times) {
  for (long i = 0; i < times; i++)
    syscall(SYS_getsid, 0);
}

void tell(int fd) {
  uint64_t one = 1;
  if (write(fd, &one, sizeof(one)) != sizeof(one))
    work_fail("eventfd");
}

void await(int fd) {
  uint64_t one;
  if (read(fd, &one, sizeof(one)) != sizeof(one))
    work_fail("eventfd");
}

static const struct command *find(const char *name) {
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    if (strcmp(commands[i]->name, name) == 0)
      return commands[i];
  return NULL;
}

int main(int argc, char **argv) {
  const struct command *command = argc > 2 ? find(argv[2]) : NULL;
  if (command == NULL || argc < 3 + command->least_arguments)
    return 2;
  work_bound(work_number(argv[1], 1, WORK_SECONDS_MOST), SIGKILL);
  if (command->prepare != NULL)
    command->prepare(argv + 3);

  char line[300], byte;
  snprintf(line, sizeof(line), "ready %d %s\n", (int)getpid(), ready);
  say(line);
  while (read(STDIN_FILENO, &byte, 1) == 1)
    command->round();
  return 0;
}
