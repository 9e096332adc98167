/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "log.h"
#include "metrics.h"
#include "option_values.h"
#include "options_notify.h"
#include "options_probes.h"
#include "top.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/liboconfig/oconfig.h>

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_COUNT 1000000
#define PSS_INTERVAL_MAX (7 * 86400)

/* --- rules --- */

static struct rule *rule_append(struct options *options,
                                const oconfig_item_t *item, const char *name) {
  struct rule *larger =
      realloc(options->rules, (options->rule_count + 1) * sizeof(*larger));
  if (larger == NULL) {
    complain(item, NO_MEMORY);
    return NULL;
  }
  options->rules = larger;
  struct rule *rule = &larger[options->rule_count];
  *rule = (struct rule){.name = copy_text(item, name)};
  if (rule->name == NULL)
    return NULL;
  options->rule_count++;
  return rule;
}

/* A rule that lost a line would select too much: it goes as a whole. */
static void rule_drop_last(struct options *options) {
  rule_free(&options->rules[--options->rule_count]);
}

static bool set_command(struct rule *rule, const oconfig_item_t *item,
                        const char *command) {
  if (command[0] == '/')
    log_warning("<Plugin proctrace>: Process \"%s\": this is a path, and a "
                "command is its last part; for a path take <Select> with "
                "Executable",
                command);
  else if (strlen(command) >= COMM_SIZE)
    log_warning("<Plugin proctrace>: Process \"%s\": the kernel keeps 15 "
                "characters of a command, so \"%.15s\" is looked for",
                command, command);
  char shown[COMM_SIZE];
  snprintf(shown, sizeof(shown), "%s", command);
  rule->command = copy_text(item, shown);
  return rule->command != NULL;
}

static bool set_pattern(struct rule *rule, const oconfig_item_t *item,
                        const char *pattern) {
  char reason[200] = "want a POSIX extended regular expression: ";
  int error = regcomp(&rule->pattern, pattern, REG_EXTENDED);
  if (error != 0) {
    size_t n = strlen(reason);
    regerror(error, &rule->pattern, reason + n, sizeof(reason) - n);
    complain(item, reason);
    return false;
  }
  rule->has_pattern = true;
  rule->text = copy_text(item, pattern);
  if (rule->text == NULL)
    return false;
  for (const char *at = rule->name; *at != '\0'; at++) {
    if (at[0] == '\\' && at[1] >= '1' && at[1] <= '9' &&
        (size_t)(at[1] - '0') > rule->pattern.re_nsub) {
      complain(item, "the name refers to a group (...) that the regular "
                     "expression does not have");
      return false;
    }
  }
  return true;
}

static void read_process(struct options *options, const oconfig_item_t *item) {
  const char *command = get_text(item, "want one command in quotes");
  struct rule *rule =
      command == NULL ? NULL : rule_append(options, item, command);
  if (rule != NULL && !set_command(rule, item, command))
    rule_drop_last(options);
}

static bool is_name_and_pattern(const oconfig_item_t *item) {
  return has_shape(item, 2, false) &&
         item->values[0].type == OCONFIG_TYPE_STRING &&
         item->values[1].type == OCONFIG_TYPE_STRING &&
         item->values[0].value.string[0] != '\0';
}

static void read_process_match(struct options *options,
                               const oconfig_item_t *item) {
  if (!is_name_and_pattern(item)) {
    complain(item, "want a name and a regular expression, both in quotes");
    return;
  }
  struct rule *rule = rule_append(options, item, item->values[0].value.string);
  if (rule != NULL && !set_pattern(rule, item, item->values[1].value.string))
    rule_drop_last(options);
}

static bool set_user(struct rule *rule, const oconfig_item_t *item) {
  const char *remedy = "want the name of a user of this system, or a number";
  if (is_whole(item, 0, UINT_MAX - 1.0)) {
    rule->user = (uid_t)item->values[0].value.number;
  } else {
    const char *name = get_text(item, remedy);
    if (name == NULL)
      return false;
    const struct passwd *user = getpwnam(name); /* one thread runs yet */
    if (user == NULL) {
      complain(item, remedy);
      return false;
    }
    rule->user = user->pw_uid;
  }
  rule->has_user = true;
  return true;
}

static bool set_pid(struct rule *rule, const oconfig_item_t *item) {
  unsigned pid;
  if (!get_whole(item, 1, INT_MAX, &pid))
    return false;
  rule->pid = (pid_t)pid;
  rule->has_pid = true;
  return true;
}

static bool set_select_process(struct rule *rule, const oconfig_item_t *item) {
  const char *command = get_text(item, "want one command in quotes");
  return command != NULL && set_command(rule, item, command);
}

static bool set_select_match(struct rule *rule, const oconfig_item_t *item) {
  const char *pattern =
      get_text(item, "want a regular expression in quotes, and no name");
  return pattern != NULL && set_pattern(rule, item, pattern);
}

static bool set_pid_file(struct rule *rule, const oconfig_item_t *item) {
  return get_path(item, &rule->pid_file,
                  "want the absolute path of a file with a PID");
}

static bool set_cgroup(struct rule *rule, const oconfig_item_t *item) {
  return get_path(item, &rule->cgroup,
                  "want a path that begins with '/', as in /proc/PID/cgroup");
}

static bool set_executable(struct rule *rule, const oconfig_item_t *item) {
  return get_path(item, &rule->executable,
                  "want the absolute path of a program");
}

static bool set_children(struct rule *rule, const oconfig_item_t *item) {
  return get_boolean(item, &rule->children);
}

static const struct {
  const char *key;
  bool (*set)(struct rule *rule, const oconfig_item_t *item);
} select_lines[] = {
    {"Process", set_select_process},
    {"ProcessMatch", set_select_match},
    {"PidFile", set_pid_file},
    {"Pid", set_pid},
    {"User", set_user},
    {"Cgroup", set_cgroup},
    {"Executable", set_executable},
    {"Children", set_children},
};

static bool read_select_line(struct rule *rule, const oconfig_item_t *item,
                             unsigned *given) {
  for (size_t i = 0; i < sizeof(select_lines) / sizeof(select_lines[0]); i++) {
    if (strcasecmp(item->key, select_lines[i].key) != 0)
      continue;
    if (*given & 1u << i) {
      complain(item, "stands twice in this <Select>; lines that shall hold of "
                     "different processes need a rule each");
      return false;
    }
    *given |= 1u << i;
    return select_lines[i].set(rule, item);
  }
  complain(item, "no such line in <Select>; there are Process, ProcessMatch, "
                 "PidFile, Pid, User, Cgroup, Executable and Children");
  return false;
}

static bool selects(const struct rule *rule) {
  return rule->command != NULL || rule->has_pattern || rule->has_pid ||
         rule->pid_file != NULL || rule->has_user || rule->cgroup != NULL ||
         rule->executable != NULL;
}

static void read_select(struct options *options, const oconfig_item_t *item) {
  const char *remedy =
      "want <Select \"name\"> with at least one of Process, ProcessMatch, "
      "PidFile, Pid, User, Cgroup and Executable in it";
  if (!has_shape(item, 1, true) ||
      item->values[0].type != OCONFIG_TYPE_STRING ||
      item->values[0].value.string[0] == '\0') {
    complain(item, remedy);
    return;
  }
  struct rule *rule = rule_append(options, item, item->values[0].value.string);
  unsigned given = 0;
  if (rule == NULL)
    return;
  for (int i = 0; i < item->children_num; i++) {
    if (!read_select_line(rule, &item->children[i], &given)) {
      rule_drop_last(options);
      return;
    }
  }
  if (rule->has_pid && rule->pid_file != NULL)
    remedy = "want Pid or PidFile in it, and not both";
  else if (selects(rule))
    return;
  complain(item, remedy);
  rule_drop_last(options);
}

/* --- Top --- */

static const char *const rank_names[RANKS] = {
    [RANK_CPU] = "cpu",
    [RANK_RSS] = "rss",
    [RANK_IO] = "io",
    [RANK_WAIT] = "wait",
};

static unsigned rank_bit(const oconfig_value_t *value) {
  for (int i = 0; i < RANKS; i++)
    if (value->type == OCONFIG_TYPE_STRING &&
        strcasecmp(value->value.string, rank_names[i]) == 0)
      return 1u << i;
  return 0;
}

static void read_by(struct top *top, const oconfig_item_t *item) {
  unsigned ranks = 0;
  bool all_known = item->values_num > 0;
  for (int i = 0; i < item->values_num; i++) {
    unsigned bit = rank_bit(&item->values[i]);
    all_known &= bit != 0;
    ranks |= bit;
  }
  if (!all_known)
    complain(item, "want some of \"cpu\", \"rss\", \"io\" and \"wait\"");
  if (ranks != 0)
    top->ranks = ranks;
}

/* It may be the one that no line asks for. */
static struct top *top_without_memory(const char *name) {
  log_error("<Plugin proctrace>: Top \"%s\": " NO_MEMORY, name);
  return NULL;
}

static struct top *top_append(struct options *options, const char *name) {
  struct top *larger =
      realloc(options->tops, (options->top_count + 1) * sizeof(*larger));
  if (larger == NULL)
    return top_without_memory(name);
  options->tops = larger;
  struct top *top = &larger[options->top_count];
  *top =
      (struct top){.name = strdup(name), .count = 20, .ranks = 1u << RANK_CPU};
  if (top->name == NULL)
    return top_without_memory(name);
  options->top_count++;
  return top;
}

static void read_top(struct options *options, const oconfig_item_t *item) {
  const char *remedy = "want <Top> or <Top \"name\"> with Count and By in it";
  bool named = item->values_num == 1 &&
               item->values[0].type == OCONFIG_TYPE_STRING &&
               item->values[0].value.string[0] != '\0';
  if (!named && item->values_num != 0) {
    complain(item, remedy);
    return;
  }
  struct top *top =
      top_append(options, named ? item->values[0].value.string : "top");
  if (top == NULL)
    return;
  for (int i = 0; i < item->children_num; i++) {
    const oconfig_item_t *line = &item->children[i];
    if (strcasecmp(line->key, "Count") == 0)
      get_whole(line, 1, 10000, &top->count);
    else if (strcasecmp(line->key, "By") == 0)
      read_by(top, line);
    else
      complain(line, "no such line in <Top>; there are Count and By");
  }
}

/* --- the other options --- */

static unsigned collect_bit(const oconfig_value_t *value) {
  for (size_t i = 0; i < collect_name_count; i++)
    if (value->type == OCONFIG_TYPE_STRING &&
        strcasecmp(value->value.string, collect_names[i].name) == 0)
      return collect_names[i].group;
  return 0;
}

static void complain_of_collect(const oconfig_item_t *item) {
  char remedy[200] = "want some of";
  size_t n = strlen(remedy);
  for (size_t i = 0; i < collect_name_count; i++)
    n += (size_t)snprintf(remedy + n, sizeof(remedy) - n, " \"%s\"",
                          collect_names[i].name);
  complain(item, remedy);
}

/* The first line takes the default's place; further ones add up. */
static void read_collect(struct options *options, const oconfig_item_t *item) {
  unsigned groups = 0;
  bool all_known = item->values_num > 0 && item->children_num == 0;
  for (int i = 0; i < item->values_num; i++) {
    unsigned bit = collect_bit(&item->values[i]);
    all_known &= bit != 0;
    groups |= bit;
  }
  if (!all_known)
    complain_of_collect(item);
  if (groups == 0)
    return;
  unsigned before = options->collect_given
                        ? options->collect
                        : GROUP_BASIC | (options->collect & GROUP_THREADS);
  options->collect = before | groups;
  options->collect_given = true;
}

static void read_per_process(struct options *options,
                             const oconfig_item_t *item) {
  get_boolean(item, &options->per_process);
}

static void read_per_group(struct options *options,
                           const oconfig_item_t *item) {
  get_boolean(item, &options->per_group);
}

static void read_per_thread(struct options *options,
                            const oconfig_item_t *item) {
  bool threads;
  if (!get_boolean(item, &threads))
    return;
  options->collect &= ~(unsigned)GROUP_THREADS;
  options->collect |= threads ? GROUP_THREADS : 0u;
}

static void read_other(struct options *options, const oconfig_item_t *item) {
  get_boolean(item, &options->other);
}

static void read_command_line(struct options *options,
                              const oconfig_item_t *item) {
  get_boolean(item, &options->command_line);
}

static void read_max_processes(struct options *options,
                               const oconfig_item_t *item) {
  get_whole(item, 1, MAX_COUNT, &options->max_processes);
}

static void read_max_threads(struct options *options,
                             const oconfig_item_t *item) {
  get_whole(item, 1, MAX_COUNT, &options->max_threads);
}

static void read_max_descriptors(struct options *options,
                                 const oconfig_item_t *item) {
  get_whole(item, 0, MAX_COUNT, &options->max_descriptors);
}

static void read_pss_interval(struct options *options,
                              const oconfig_item_t *item) {
  get_whole(item, 1, PSS_INTERVAL_MAX, &options->pss_interval);
}

static void read_pss_budget(struct options *options,
                            const oconfig_item_t *item) {
  get_whole(item, 1, MAX_COUNT, &options->pss_budget);
}

static void read_source(struct options *options, const oconfig_item_t *item) {
  static const char *const names[] = {
      [SOURCE_AUTO] = "auto", [SOURCE_BPF] = "bpf", [SOURCE_PROCFS] = "procfs"};
  const char *remedy = "want \"auto\", \"bpf\" or \"procfs\"";
  const char *name = get_text(item, remedy);
  if (name == NULL)
    return;
  for (enum source_choice i = SOURCE_AUTO; i <= SOURCE_PROCFS; i++) {
    if (strcasecmp(name, names[i]) == 0) {
      options->source = i;
      return;
    }
  }
  complain(item, remedy);
}

static void read_bpf_module(struct options *options,
                            const oconfig_item_t *item) {
  get_path(item, &options->bpf_module,
           "want the absolute path of proctrace_bpf.so");
}

static void read_pin_path(struct options *options, const oconfig_item_t *item) {
  get_path(item, &options->pin_path,
           "want the absolute path where `proctrace-bpf load` pins");
}

static void read_proc_root(struct options *options,
                           const oconfig_item_t *item) {
  get_path(item, &options->proc_root,
           "want the absolute path where a proc file system is mounted");
}

static const struct {
  const char *key;
  void (*read)(struct options *options, const oconfig_item_t *item);
  bool is_rule;
} known_options[] = {
    {"Process", read_process, true},
    {"ProcessMatch", read_process_match, true},
    {"Select", read_select, true},
    {"Top", read_top, true},
    {"MaxProcesses", read_max_processes, false},
    {"MaxThreads", read_max_threads, false},
    {"MaxDescriptors", read_max_descriptors, false},
    {"PerProcess", read_per_process, false},
    {"PerGroup", read_per_group, false},
    {"PerThread", read_per_thread, false},
    {"Other", read_other, false},
    {"Collect", read_collect, false},
    {"CommandLine", read_command_line, false},
    {"PssInterval", read_pss_interval, false},
    {"PssBudget", read_pss_budget, false},
    {"Source", read_source, false},
    {"BpfModule", read_bpf_module, false},
    {"PinPath", read_pin_path, false},
    {"ProcRoot", read_proc_root, false},
    {"Probe", read_probe, false},
    {"Percentiles", read_percentiles, false},
    {"ProbeMemory", read_probe_memory, false},
    {"Notify", read_notify, false},
};

static void read_option(struct options *options, const oconfig_item_t *item) {
  for (size_t i = 0; i < sizeof(known_options) / sizeof(known_options[0]);
       i++) {
    if (strcasecmp(item->key, known_options[i].key) != 0)
      continue;
    options->rule_given |= known_options[i].is_rule;
    known_options[i].read(options, item);
    return;
  }
  complain(item, "no such option; collectd-proctrace(5) lists all of them");
}

/* --- the whole --- */

void options_init(struct options *options) {
  *options = (struct options){
      .max_processes = 1000,
      .max_threads = 1000,
      .per_process = true,
      .per_group = true,
      .other = true,
      .collect = GROUP_BASIC,
      .max_descriptors = UINT_MAX,
      .pss_interval = 300,
      .pss_budget = 10,
  };
  probe_options_init(&options->probes);
  for (size_t i = 0; i < collect_name_count; i++)
    if (collect_names[i].by_default)
      options->collect |= collect_names[i].group;
}

void options_read(struct options *options, const oconfig_item_t *block) {
  for (int i = 0; i < block->children_num; i++)
    read_option(options, &block->children[i]);
}

void options_complete(struct options *options) {
  if (!options->rule_given && options->top_count == 0)
    top_append(options, "top");
}

void options_free(struct options *options) {
  for (size_t i = 0; i < options->rule_count; i++)
    rule_free(&options->rules[i]);
  for (size_t i = 0; i < options->top_count; i++)
    free(options->tops[i].name);
  free(options->rules);
  free(options->tops);
  free(options->bpf_module);
  free(options->pin_path);
  free(options->proc_root);
  probe_options_free(&options->probes);
  *options = (struct options){0};
}
