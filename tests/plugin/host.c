/* SPDX-License-Identifier: MIT */

#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <ltdl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "oconf.h"
#include "series.h"

#ifndef PROCTRACE_MODULE
#define PROCTRACE_MODULE "./proctrace.la"
#endif

/* Called by the plugin: visible although all else may be hidden. */
#define API __attribute__((visibility("default")))

struct line {
  int severity;
  char text[1024]; /* collectd's own limit */
};

/* Threads that the plugin starts are the plugin's. */
static __thread bool ours;

/* For the rest of its block, the thread is ours, or the plugin's. */
#define IN(us) __attribute__((cleanup(give_back), unused)) bool was = give(us)
#define IN_HOST IN(true)
#define IN_PLUGIN IN(false)
static bool give(bool to_us) {
  bool was = ours;
  ours = to_us;
  return was;
}
static void give_back(const bool *was) { ours = *was; }

bool host_in_plugin(void) { return !ours; }

static struct {
  lt_dlhandle module, copy;
  bool shut;
  int (*config)(oconfig_item_t *);
  plugin_init_cb init;
  plugin_read_cb read;
  user_data_t read_data;
  plugin_shutdown_cb shutdown;
} plugin;

static struct {
  int severity;
  char id[3 * DATA_MAX_NAME_LEN], message[NOTIF_MAX_MSG_LEN];
} * notifications;
static size_t notifications_num;
static pthread_mutex_t notifications_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool notifications_refused;
/* Of each thread its own; the plugin's has an interval. */
static __thread plugin_ctx_t context;
static pthread_mutex_t notifications_taken = PTHREAD_MUTEX_INITIALIZER;

/* The daemon's. */
API char *hostname_g = "test";

/* The plugin's helper threads ask for it, too. */
static _Atomic cdtime_t now = TIME_T_TO_CDTIME_T_STATIC(1700010000);
static cdtime_t interval = TIME_T_TO_CDTIME_T_STATIC(10);
static double duration, delay;

/* The plugin's helper threads may log too. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct line *lines;
static size_t lines_num;

static void die(const char *what, const char *why) {
  fprintf(stderr, "host: %s: %s\n", what, why ? why : "?");
  abort();
}

/* collectd's API ---------------------------------------------------------- */

API int plugin_register_complex_config(const char *type,
                                       int (*callback)(oconfig_item_t *)) {
  if (strcmp(type, "proctrace"))
    die("configuration registered as", type);
  if (!plugin.config) /* collectd asks the first one */
    plugin.config = callback;
  return 0;
}

API int plugin_register_init(const char *name, plugin_init_cb callback) {
  (void)name;
  plugin.init = callback;
  return 0;
}

API int plugin_register_complex_read(const char *group, const char *name,
                                     plugin_read_cb callback, cdtime_t every,
                                     user_data_t const *user_data) {
  (void)group, (void)every, (void)name;
  if (plugin.read)
    return EINVAL;
  plugin.read = callback;
  if (user_data)
    plugin.read_data = *user_data;
  return 0;
}

API int plugin_register_shutdown(const char *name,
                                 plugin_shutdown_cb callback) {
  (void)name;
  plugin.shutdown = callback;
  return 0;
}

static unsigned dispatched, refused; /* refused: by its number; 0: none */

void host_refuse_dispatch(unsigned nth) { refused = nth; }
bool host_has_refused(void) { return refused != 0 && dispatched >= refused; }
unsigned host_dispatched(void) { return dispatched; }

API int plugin_dispatch_values(value_list_t const *list) {
  IN_HOST;
  if (delay > 0)
    usleep((useconds_t)(delay * 1e6));
  delay = 0;
  if (++dispatched == refused)
    return -1;
  series_record(list);
  return 0;
}

API int plugin_dispatch_notification(const notification_t *of) {
  IN_HOST;
  if (notifications_refused)
    return -1;
  /* On a machine that takes its time, the thread that hands it over may be late
   * by a read. */
  if (strcmp(of->plugin, "proctrace") || strcmp(of->host, hostname_g) ||
      of->time > now || of->time + interval < now || of->meta)
    die("a notification that is not ours", of->message);
  if (context.interval == 0)
    die("a notification of no plugin", of->message);
  pthread_mutex_lock(&notifications_taken);
  pthread_mutex_unlock(&notifications_taken);
  pthread_mutex_lock(&notifications_lock);
  notifications =
      realloc(notifications, (notifications_num + 1) * sizeof(*notifications));
  if (!notifications)
    die("notification", "no memory");
  notifications[notifications_num].severity = of->severity;
  snprintf(notifications[notifications_num].id, sizeof(notifications[0].id),
           "%s/%s%s%s", of->plugin_instance, of->type,
           of->type_instance[0] ? "-" : "", of->type_instance);
  memcpy(notifications[notifications_num].message, of->message,
         sizeof(of->message));
  notifications_num++;
  pthread_mutex_unlock(&notifications_lock);
  return 0;
}

API void plugin_log(int severity, const char *format, ...) {
  IN_HOST;
  pthread_mutex_lock(&log_lock);
  struct line *grown = realloc(lines, (lines_num + 1) * sizeof(*lines));
  if (!grown)
    die("log", "no memory");
  lines = grown;
  lines[lines_num].severity = severity;
  va_list args;
  va_start(args, format);
  vsnprintf(lines[lines_num].text, sizeof(lines[0].text), format, args);
  va_end(args);
  lines_num++;
  pthread_mutex_unlock(&log_lock);
}

API cdtime_t plugin_get_interval(void) { return interval; }

API plugin_ctx_t plugin_get_ctx(void) { return context; }
API plugin_ctx_t plugin_set_ctx(plugin_ctx_t new) {
  plugin_ctx_t old = context;
  context = new;
  return old;
}

API cdtime_t cdtime(void) { return now; }

/* Driving the plugin ------------------------------------------------------ */

static lt_dlhandle open_module(const char *path) {
  void (*module_register)(void);
  lt_dlhandle module = lt_dlopen(path);
  if (!module)
    die(path, lt_dlerror());
  *(void **)&module_register = lt_dlsym(module, "module_register");
  if (!module_register)
    die("module_register", lt_dlerror());
  module_register();
  return module;
}

void host_load(void) {
  ours = true;
  dispatched = 0;
  const char *path = getenv("PROCTRACE_MODULE");

  if (lt_dlinit())
    die("lt_dlinit", lt_dlerror());
  plugin.module = open_module(path ? path : PROCTRACE_MODULE);
  if (!plugin.config || !plugin.init || !plugin.shutdown)
    die("module_register", "a callback was not registered");
}

void host_load_copy(const char *path) { plugin.copy = open_module(path); }

void host_configure(const char *text) {
  oconfig_item_t *root = oconf_parse(text);
  for (int i = 0; i < root->children_num; i++) {
    oconfig_item_t *item = &root->children[i];
    if (strcasecmp(item->key, "Plugin") || item->values_num != 1 ||
        strcmp(item->values[0].value.string, "proctrace"))
      die("not a block of the plugin", item->key);
    IN_PLUGIN;
    if (plugin.config(item))
      die("the configuration callback", "failed: collectd would not start");
  }
  oconf_free(root);
}

static unsigned entries(const char *directory) {
  unsigned count = 0;
  DIR *d = opendir(directory);
  if (!d)
    die(directory, "cannot be listed");
  while (readdir(d))
    count++;
  closedir(d);
  return count;
}

unsigned host_descriptors(void) { return entries("/proc/self/fd"); }
unsigned host_threads(void) { return entries("/proc/self/task"); }

void host_init(void) {
  plugin.shut = false;
  context.interval = interval;
  {
    IN_PLUGIN;
    if (plugin.init())
      die("the init callback", "failed");
  }
  if (!plugin.read)
    die("init", "no read callback was registered");
}

static int call_read(void) {
  IN_PLUGIN;
  return plugin.read(&plugin.read_data);
}

static double monotonic(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *host_read_once(void) {
  series_next_read();
  now += interval;
  double begin = monotonic();
  int err = call_read();
  duration = monotonic() - begin;
  return err ? "  the read callback failed: collectd would call it less often\n"
             : series_complaints();
}

double host_read_duration(void) { return duration; }
void host_delay(double seconds) { delay = seconds; }

/* In collectd's order: the read's data goes before the shutdown callback. */
void host_shutdown(void) {
  IN_PLUGIN;
  if (plugin.read_data.free_func)
    plugin.read_data.free_func(plugin.read_data.data);
  plugin.read_data = (user_data_t){0};
  if (plugin.shutdown)
    plugin.shutdown();
  plugin.shut = true;
}

/* collectd never unloads; we do, so that what shutdown forgot is a leak. */
void host_stop(void) {
  if (!plugin.shut)
    host_shutdown();
  if (plugin.copy)
    lt_dlclose(plugin.copy);
  if (plugin.module) {
    lt_dlclose(plugin.module);
    lt_dlexit();
  }
  memset(&plugin, 0, sizeof(plugin));
  series_forget_all();
  host_log_forget();
  host_notifications_forget();
}

double host_now(void) { return CDTIME_T_TO_DOUBLE(now); }
void host_set_now(double seconds) { now = DOUBLE_TO_CDTIME_T(seconds); }
void host_set_interval(double s) { interval = DOUBLE_TO_CDTIME_T(s); }

/* Its notifications -------------------------------------------------------- */

unsigned host_notification_count(int severity, const char *id,
                                 const char *text) {
  unsigned count = 0;
  pthread_mutex_lock(&notifications_lock);
  for (size_t i = 0; i < notifications_num; i++)
    count +=
        (severity == ANY_SEVERITY || notifications[i].severity == severity) &&
        (!*id || !strcmp(notifications[i].id, id)) &&
        strstr(notifications[i].message, text);
  pthread_mutex_unlock(&notifications_lock);
  return count;
}

void host_notifications_refuse(bool refuse) { notifications_refused = refuse; }

void host_notifications_hang(bool hang) {
  if (hang)
    pthread_mutex_lock(&notifications_taken);
  else
    pthread_mutex_unlock(&notifications_taken);
}

void host_notifications_forget(void) {
  pthread_mutex_lock(&notifications_lock);
  free(notifications);
  notifications = NULL;
  notifications_num = 0;
  pthread_mutex_unlock(&notifications_lock);
  notifications_refused = false;
}

void host_notifications_print(void) {
  for (size_t i = 0; i < notifications_num; i++)
    fprintf(stderr, "  notification %d: %s: %s\n", notifications[i].severity,
            notifications[i].id, notifications[i].message);
}

/* Its log ----------------------------------------------------------------- */

unsigned host_log_count(int severity, const char *text) {
  unsigned count = 0;
  pthread_mutex_lock(&log_lock);
  for (size_t i = 0; i < lines_num; i++)
    count += (severity == ANY_SEVERITY || lines[i].severity == severity) &&
             strstr(lines[i].text, text);
  pthread_mutex_unlock(&log_lock);
  return count;
}

void host_log_forget(void) {
  pthread_mutex_lock(&log_lock);
  free(lines);
  lines = NULL;
  lines_num = 0;
  pthread_mutex_unlock(&log_lock);
}

void host_log_print(void) {
  for (size_t i = 0; i < lines_num; i++)
    fprintf(stderr, "  log %d: %s\n", lines[i].severity, lines[i].text);
}
