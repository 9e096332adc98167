/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's side of all targets.  The name by which the program is called is
 * the target's: a link stat to it fuzzes the target "stat".
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called by libFuzzer. */
#define API __attribute__((visibility("default")))
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct target *target;

API int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  const char *slash = strrchr((*argv)[0], '/');
  const char *name = slash == NULL ? (*argv)[0] : slash + 1;
  target = target_find(name);
  if (target == NULL) {
    fprintf(stderr, "%s: there is no such target\n", name);
    exit(2);
  }
  return 0;
}

API int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  target->run((struct input){data, data + size});
  return 0;
}
