/* SPDX-License-Identifier: MIT */
/*
 * Runs each input of the corpora through its target, as TAP:
 *
 *   replay [DIRECTORY]     of the corpora; else that of the sources
 *   replay -x DIRECTORY CORPUS   writes each input to a file, for libFuzzer
 *   replay -e FILE         a line for a corpus: what a file holds
 *
 * A corpus is text: each line is an input with C's escapes, '#' begins a
 * comment.
 */
#include "fuzz.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void die(const char *what) {
  perror(what);
  exit(2);
}

/* --- lines --- */

static unsigned hex_of(const char *digits) {
  unsigned value;
  if (sscanf(digits, "%2x", &value) != 1) {
    fprintf(stderr, "two hexadecimal digits expected: %.10s\n", digits);
    exit(2);
  }
  return value;
}

/* In place; the length. */
static size_t unescape(char *line) {
  static const char names[] = "ntr0\\", bytes[] = "\n\t\r\0\\";
  size_t n = 0;
  for (const char *at = line; *at != '\0' && *at != '\n'; at++) {
    const char *name = *at == '\\' ? strchr(names, at[1]) : NULL;
    if (*at == '\\' && at[1] == 'x') {
      line[n++] = (char)hex_of(at + 2);
      at += 3;
    } else if (name != NULL && at[1] != '\0') {
      line[n++] = bytes[name - names];
      at++;
    } else {
      line[n++] = *at;
    }
  }
  return n;
}

static void escape(int c) {
  switch (c) {
  case '\n':
    fputs("\\n", stdout);
    return;
  case '\t':
    fputs("\\t", stdout);
    return;
  case '\\':
    fputs("\\\\", stdout);
    return;
  default:
    printf(c < ' ' || c > '~' ? "\\x%02x" : "%c", (unsigned)c);
  }
}

static void print_line(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL)
    die(path);
  for (int c; (c = getc(file)) != EOF;)
    escape(c);
  putchar('\n');
  fclose(file);
}

/* --- a corpus --- */

/* Calls `use` for each input; how many there were. */
static unsigned read_corpus(const char *path,
                            void (*use)(const char *data, size_t length,
                                        unsigned number, const void *closure),
                            const void *closure) {
  FILE *file = fopen(path, "r");
  char *line = NULL;
  size_t capacity = 0;
  unsigned number = 0;
  if (file == NULL)
    die(path);
  while (getline(&line, &capacity, file) > 0)
    if (line[0] != '#' && line[0] != '\n') {
      size_t length = unescape(line);
      use(line, length, ++number, closure);
    }
  free(line);
  fclose(file);
  return number;
}

static void write_input(const char *data, size_t length, unsigned number,
                        const void *directory) {
  char path[PATH_MAX];
  snprintf(path, sizeof(path), "%s/%03u", (const char *)directory, number);
  FILE *file = fopen(path, "w");
  if (file == NULL || fwrite(data, 1, length, file) != length ||
      fclose(file) != 0)
    die(path);
}

/* Which one is under way, for when it ends the program. */
static char under_way[64];

static void say_which(int signal_number) {
  (void)!write(STDOUT_FILENO, under_way, strlen(under_way));
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static void run_input(const char *data, size_t length, unsigned number,
                      const void *target_) {
  const struct target *target = target_;
  char *copy = exact_copy(data, length);
  snprintf(under_way, sizeof(under_way), "# %s: input %u ends the program\n",
           target->name, number);
  target->run((struct input){(uint8_t *)copy, (uint8_t *)copy + length});
  free(copy);
}

static void replay(const struct target *target, size_t place,
                   const char *directory) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof(path), "%s/%s.corpus", directory, target->name);
  unsigned inputs = read_corpus(path, run_input, target);
  printf("%sok %zu - %s: %u inputs\n", inputs > 0 ? "" : "not ", place + 1,
         target->name, inputs);
  fflush(stdout);
}

static void replay_all(const char *directory) {
  static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
  for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
    signal(fatal[i], say_which);
  printf("1..%zu\n", target_count);
  for (size_t i = 0; i < target_count; i++)
    replay(&targets[i], i, directory);
}

int main(int argc, char **argv) {
  char directory[PATH_MAX];
  const char *sources = getenv("srcdir");
  if (argc == 4 && strcmp(argv[1], "-x") == 0) {
    read_corpus(argv[3], write_input, argv[2]);
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "-e") == 0) {
    print_line(argv[2]);
    return 0;
  }
  snprintf(directory, sizeof(directory), "%s/tests/fuzz",
           sources == NULL ? "." : sources);
  replay_all(argc == 2 ? argv[1] : directory);
  return 0;
}
