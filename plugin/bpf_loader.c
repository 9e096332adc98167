/* SPDX-License-Identifier: MIT */
#include "bpf_loader.h"

#include <stdio.h>

#ifdef PROCTRACE_BPF_MODULE

#include "../bpf/proctrace.h"

#include <ltdl.h>

/* Resident: what libbpf has set up in the process does not survive unloading
 * and loading it again. */
static lt_dlhandle open_resident(const char *path) {
  lt_dladvise advise;
  if (lt_dladvise_init(&advise) != 0)
    return NULL;
  lt_dlhandle handle = NULL;
  if (lt_dladvise_resident(&advise) == 0 && lt_dladvise_local(&advise) == 0)
    handle = lt_dlopenadvise(path, advise);
  lt_dladvise_destroy(&advise);
  return handle;
}

const struct bpf_module *bpf_loader_open(const char *path, char *reason,
                                         size_t size) {
  if (path == NULL)
    path = PROCTRACE_BPF_MODULE;
  lt_dlhandle handle = lt_dlinit() == 0 ? open_resident(path) : NULL;
  const struct bpf_module *module =
      handle == NULL ? NULL : lt_dlsym(handle, BPF_MODULE_SYMBOL);
  if (module == NULL) {
    snprintf(reason, size, "cannot load %s: %s", path, lt_dlerror());
    return NULL;
  }
  if (module->abi != PROCTRACE_ABI) {
    snprintf(reason, size, "%s is of another build (ABI %u, want %u)", path,
             module->abi, PROCTRACE_ABI);
    return NULL;
  }
  return module;
}

#else

const struct bpf_module *bpf_loader_open(const char *path, char *reason,
                                         size_t size) {
  (void)path;
  snprintf(reason, size, "this proctrace was built without BPF");
  return NULL;
}

#endif
