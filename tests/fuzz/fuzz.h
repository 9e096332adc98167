/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzing targets share.
 *
 * A target is a function that takes any bytes.  It hands them to the plugin and
 * checks what must hold whatever they are.  Two programs run all targets:
 * fuzzer makes bytes up (libFuzzer, clang), replay takes those of the corpus
 * and needs no clang, so that what was found once is tested with everything
 * else.
 */
#ifndef PROCTRACE_TESTS_FUZZ_H
#define PROCTRACE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of the bytes. */
struct input {
  const uint8_t *at, *end;
};

struct target {
  const char *name;
  void (*run)(struct input input);
};
extern const struct target targets[];
extern const size_t target_count;

/* NULL: there is none of this name. */
const struct target *target_find(const char *name);

/* As assert(), whatever NDEBUG is. */
#define CHECK(condition)                                                       \
  ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
_Noreturn void check_failed(const char *condition, const char *file, int line);

/* --- numbers from the input; 0 where it has ended --- */

uint64_t take_bytes(struct input *input, unsigned bytes);
static inline uint8_t take_byte(struct input *input) {
  return (uint8_t)take_bytes(input, 1);
}
/* Of any magnitude: most of what the kernel counts is small. */
uint64_t take_number(struct input *input);

static inline size_t left(const struct input *input) {
  return (size_t)(input->end - input->at);
}

/* --- texts from the input --- */

/* Up to the next `end` byte, which is stepped over, or all that is left. */
struct input take_until(struct input *input, uint8_t end);

/* At most size - 1 bytes up to the next zero, with a zero behind them. */
void take_string(struct input *input, char *out, size_t size);

/* A copy without a byte behind it that could be read; free() it.  The input
 * itself is one as well, where nothing was taken from its end. */
char *exact_copy(const void *data, size_t length);

/* --- targets --- */

void fuzz_stat(struct input input);
void fuzz_status(struct input input);
void fuzz_text(struct input input);
void fuzz_plugin(struct input input);
void fuzz_options(struct input input);
void fuzz_names(struct input input);
void fuzz_records(struct input input);
void fuzz_results(struct input input);

#endif
