/* SPDX-License-Identifier: MIT */
/*
 * Any configuration: collectd's tree of items, built from text.
 *
 * A line is an item: tabs for its depth, its key, then behind a tab each a
 * value: "text, a number, or ! for true and anything else for false.  Behind an
 * empty line stand a command, a command line, the lines of a cgroup file and an
 * executable, a zero behind each: the rules that came out are asked about that
 * process.
 */
#include "../plugin/oconf.h"
#include "fuzz.h"

#include "metrics.h"
#include "naming.h"
#include "options.h"
#include "probes_plan.h"
#include "select.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/liboconfig/oconfig.h>

#include <pwd.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MOST 64
#define VALUES_MOST 16
#define DEPTH_MOST 4
#define ASKED_USER 33 /* of the process that rules are asked about */

/* --- the tree --- */

static char *text_of(struct input text) {
  char *copy = malloc(left(&text) + 1);
  CHECK(copy != NULL);
  memcpy(copy, text.at, left(&text));
  copy[left(&text)] = '\0';
  return copy;
}

static oconfig_value_t value_of(struct input word) {
  oconfig_value_t value = {.type = OCONFIG_TYPE_BOOLEAN};
  char *text = text_of(word), *end;
  double number = strtod(text, &end);
  if (text[0] == '"') {
    value.type = OCONFIG_TYPE_STRING;
    value.value.string = strdup(text + 1);
    CHECK(value.value.string != NULL);
  } else if (end != text) {
    value.type = OCONFIG_TYPE_NUMBER;
    value.value.number = number;
  } else {
    value.value.boolean = text[0] == '!';
  }
  free(text);
  return value;
}

static void take_item(struct input line, oconfig_item_t *item) {
  item->key = text_of(take_until(&line, '\t'));
  item->values = calloc(VALUES_MOST, sizeof(*item->values));
  CHECK(item->values != NULL);
  while (left(&line) > 0 && item->values_num < VALUES_MOST)
    item->values[item->values_num++] = value_of(take_until(&line, '\t'));
}

static oconfig_item_t *append_child(oconfig_item_t *parent) {
  size_t n = (size_t)parent->children_num;
  parent->children =
      realloc(parent->children, (n + 1) * sizeof(*parent->children));
  CHECK(parent->children != NULL);
  parent->children_num++;
  return memset(&parent->children[n], 0, sizeof(parent->children[n]));
}

/* The last item so deep below the root, or the deepest that there is. */
static oconfig_item_t *parent_of(oconfig_item_t *root, unsigned depth) {
  oconfig_item_t *parent = root;
  for (; depth > 0 && parent->children_num > 0; depth--)
    parent = &parent->children[parent->children_num - 1];
  return parent;
}

static void take_tree(struct input *input, oconfig_item_t *root) {
  for (int items = 0; items < ITEMS_MOST && left(input) > 0; items++) {
    struct input line = take_until(input, '\n');
    unsigned depth = 0;
    if (left(&line) == 0)
      return;
    for (; left(&line) > 0 && *line.at == '\t'; line.at++)
      depth++;
    take_item(line, append_child(parent_of(
                        root, depth < DEPTH_MOST ? depth : DEPTH_MOST)));
  }
}

/* --- in the place of the C library's (the linker's --wrap) ---
 *
 * Its regular expressions can take all memory or hours, and its users are those
 * of this machine.  The operator writes the pattern: no harm can come of that
 * from a process.
 */

static bool is_reading; /* the fuzzer's configuration */

int __real_regcomp(regex_t *regex, const char *pattern, int flags);
int __wrap_regcomp(regex_t *regex, const char *pattern, int flags);
struct passwd *__wrap_getpwnam(const char *name);

int __wrap_regcomp(regex_t *regex, const char *pattern, int flags) {
  size_t repeats = 0;
  for (const char *at = pattern; *at != '\0'; at++)
    repeats += strchr("*+?(", *at) != NULL;
  bool is_dear =
      strlen(pattern) > 100 || repeats > 12 || strpbrk(pattern, "{\\") != NULL;
  return is_reading && is_dear ? REG_ESPACE
                               : __real_regcomp(regex, pattern, flags);
}

struct passwd *__wrap_getpwnam(const char *name) {
  static struct passwd user = {.pw_uid = ASKED_USER};
  return strcmp(name, "www-data") == 0 ? &user : NULL;
}

/* --- what comes out --- */

static void check_rule(const struct rule *rule) {
  CHECK(rule->name != NULL && rule->name[0] != '\0');
  CHECK(rule->command != NULL || rule->has_pattern || rule->has_pid ||
        rule->pid_file != NULL || rule->has_user || rule->cgroup != NULL ||
        rule->executable != NULL);
  CHECK(rule->command == NULL || strlen(rule->command) < COMM_SIZE);
  CHECK(!rule->has_pid || rule->pid > 0);
  CHECK(rule->pid_file == NULL || rule->pid_file[0] == '/');
  CHECK(rule->cgroup == NULL || rule->cgroup[0] == '/');
  CHECK(rule->executable == NULL || rule->executable[0] == '/');
}

static void check_probes(const struct probe_options *probes) {
  CHECK((probes->wanted & ~(PROBE_BIT(PROBES) - 1)) == 0);
  CHECK(probes->percentile_count >= 1 &&
        probes->percentile_count <= PERCENTILES_MOST);
  for (unsigned i = 0; i < probes->percentile_count; i++) {
    CHECK(probes->percentiles[i] > 0 && probes->percentiles[i] < 100 * PERCENT);
    for (unsigned j = 0; j < i; j++)
      CHECK(probes->percentiles[i] != probes->percentiles[j]);
  }
  CHECK(probes->names <= SYSCALL_NAMES_MOST);
  CHECK(probes->latency_of_count <= LATENCY_NAMES);
  CHECK(probes->memory_mib >= 1);
}

static void check_options(const struct options *options) {
  CHECK(options->max_processes >= 1 && options->max_threads >= 1);
  CHECK(options->pss_interval >= 1 && options->pss_budget >= 1);
  CHECK(options->collect & GROUP_BASIC);
  CHECK(options->rule_given || options->top_count > 0);
  CHECK(options->proc_root == NULL || options->proc_root[0] == '/');
  CHECK(options->pin_path == NULL || options->pin_path[0] == '/');
  for (size_t i = 0; i < options->rule_count; i++)
    check_rule(&options->rules[i]);
  for (size_t i = 0; i < options->top_count; i++)
    CHECK(options->tops[i].count >= 1 && options->tops[i].ranks != 0 &&
          options->tops[i].name[0] != '\0');
  check_probes(&options->probes);
}

/* --- the rules, about a process --- */

static void ask_rules(struct input input, const struct options *options) {
  struct task task = {.pid = 7};
  char cmdline[1024], cgroups[512], executable[512];
  char name[4 * NAME_SIZE], clean[NAME_SIZE];
  take_string(&input, task.comm, COMM_SIZE);
  take_string(&input, cmdline, sizeof(cmdline));
  take_string(&input, cgroups, sizeof(cgroups));
  take_string(&input, executable, sizeof(executable));
  const struct facts facts = {.known = FACT_ALL,
                              .cmdline = cmdline,
                              .cgroups = cgroups,
                              .executable = executable,
                              .user = ASKED_USER};
  const struct facts nothing = {0}, failed = {.failed = FACT_ALL};
  for (size_t i = 0; i < options->rule_count; i++) {
    struct rule *rule = &options->rules[i];
    enum verdict verdict = rule_judge(rule, &task, &facts, name, sizeof(name));
    if (rule_facts(rule) != 0 && rule_may_match(rule, &task)) {
      CHECK(rule_judge(rule, &task, &nothing, clean, sizeof(clean)) ==
            RULE_FAILS);
      CHECK(rule_judge(rule, &task, &failed, clean, sizeof(clean)) ==
            RULE_OPEN);
    }
    if (verdict != RULE_HOLDS)
      continue;
    CHECK(memchr(name, '\0', sizeof(name)) != NULL);
    CHECK(rule_may_match(rule, &task));
    CHECK(rule->command == NULL || strcmp(rule->command, task.comm) == 0);
    CHECK(!rule->has_user || rule->user == ASKED_USER);
    name_clean_group(clean, name);
  }
}

/* --- the probes' plan --- */

static int number_of(const char *name) { return (int)strlen(name) % 5 - 1; }

static uint64_t memory_of(const struct probe_setup *setup) {
  return (uint64_t)setup->slots * setup->shards_most * 4096 + 65536;
}

static void plan(const struct options *options) {
  static const struct bpf_module module = {.memory_of = memory_of,
                                           .syscall_number = number_of};
  struct probe_setup setup;
  probes_plan(&options->probes, &module, options->max_processes,
              (unsigned)options->rule_count, &setup);
  CHECK(setup.slots >= 2 &&
        setup.slots <= 1 + options->max_processes + options->rule_count);
  CHECK(setup.shards_most >= 1 && setup.named_count <= LATENCY_NAMES);
  CHECK(memory_of(&setup) <= (uint64_t)options->probes.memory_mib << 20);
}

void fuzz_options(struct input input) {
  oconfig_item_t root = {0};
  struct options options;
  take_tree(&input, &root);
  options_init(&options);
  is_reading = true;
  options_read(&options, &root);
  is_reading = false;
  options_complete(&options);
  check_options(&options);
  ask_rules(input, &options);
  plan(&options);
  options_free(&options);
  oconf_free_content(&root);
}
