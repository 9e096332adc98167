/* SPDX-License-Identifier: MIT */
#include "bpf_loader.h"

#include <stdio.h>

#ifdef PROCTRACE_BPF_MODULE

#include "../bpf/proctrace.h"

#include <dlfcn.h>
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

/* Whatever is wrong, libltdl ends with the words of the last way it tried:
 * "file not found".  dlopen() knows what is missing. */
static const char *why_not(const char *path) {
  const char *reason = NULL;
  if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL)
    reason = dlerror();
  return reason != NULL ? reason : lt_dlerror();
}

const struct bpf_module *bpf_loader_open(const char *path, char *reason,
                                         size_t size) {
  if (path == NULL)
    path = PROCTRACE_BPF_MODULE;
  lt_dlhandle handle = lt_dlinit() == 0 ? open_resident(path) : NULL;
  const struct bpf_module *module =
      handle == NULL ? NULL : lt_dlsym(handle, BPF_MODULE_SYMBOL);
  if (module == NULL) {
    snprintf(reason, size, "no module: %s", why_not(path));
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
