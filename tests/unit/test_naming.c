/* SPDX-License-Identifier: MIT */
/*
 * Names as processes choose them, and what becomes of them.
 */
#include "unit.h"

#include "naming.h"

#include <string.h>

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const char *process(const char *text) {
  static char out[NAME_SIZE];
  name_clean(out, text);
  return out;
}

static const char *group(const char *text) {
  static char out[NAME_SIZE];
  name_clean_group(out, text);
  return out;
}

static void harmless_names_stay(void **state) {
  (void)state;
  static const char *const names[] = {
      "redis-server", "a", "_", "g++", "x@y", "-", "0", "A_Z", "python3-12x"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    assert_string_equal(process(names[i]), names[i]);
    assert_string_equal(group(names[i]), names[i]);
  }
}

static void every_other_byte_becomes_a_line(void **state) {
  (void)state;
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+@-";
  for (int byte = 1; byte < 256; byte++) {
    char text[] = {'a', (char)byte, 'b', '\0'};
    char expected[] = {'a', '_', 'b', '\0'};
    if (strchr(allowed, byte) != NULL)
      expected[1] = (char)byte;
    assert_string_equal(process(text), expected);
    assert_string_equal(group(text), expected);
  }
}

static void hostile_names(void **state) {
  (void)state;
  assert_string_equal(process(""), "_");
  assert_string_equal(process("../../etc/passwd"), "______etc_passwd");
  assert_string_equal(process("a.b.c"), "a_b_c");
  assert_string_equal(process("a b\tc\nd\re"), "a_b_c_d_e");
  assert_string_equal(process("\x1b[2J\x07"), "__2J_");
  assert_string_equal(process("x\"} 1\n{y='"), "x___1__y__");
  assert_string_equal(process("ü"), "__");
  assert_string_equal(process("😀"), "____");
  assert_string_equal(process("%s%n"), "_s_n");
}

static void long_names_are_cut(void **state) {
  (void)state;
  assert_string_equal(process(SIXTY "1234"), SIXTY "1234");
  assert_string_equal(process(SIXTY "12345"), SIXTY "1234");
  assert_string_equal(process(SIXTY TEN TEN TEN TEN), SIXTY "abcd");
  assert_string_equal(group(SIXTY TEN TEN TEN TEN), SIXTY "abcd");
}

static void our_own_names_are_not_given_away(void **state) {
  (void)state;
  assert_string_equal(group("host"), "host_");
  assert_string_equal(group("self"), "self_");
  assert_string_equal(group("other"), "other_");
  assert_string_equal(group("hosts"), "hosts");
  assert_string_equal(group("Host"), "Host");
  /* For a process a pid follows; it can't be ours. */
  assert_string_equal(process("host"), "host");
}

static void no_group_looks_like_a_process(void **state) {
  (void)state;
  assert_string_equal(group("redis-123"), "redis-123_");
  assert_string_equal(group("a-0"), "a-0_");
  assert_string_equal(group("-7"), "-7_");
  assert_string_equal(group("a.b/-7"), "a_b_-7_");
  assert_string_equal(group("a-1-2"), "a-1-2_");
  assert_string_equal(group("a-"), "a-");
  assert_string_equal(group("a7"), "a7");
  assert_string_equal(group("123"), "123");
  assert_string_equal(group("a-7b"), "a-7b");
}

/* Also where the name is full, or is cut just behind "-7". */
static void nor_does_a_long_one(void **state) {
  (void)state;
  assert_string_equal(group(SIXTY "a-1"), SIXTY "a-1_");
  assert_string_equal(group(SIXTY "ab-1"), SIXTY "ab-_");
  assert_string_equal(group(SIXTY "a-12"), SIXTY "a-1_");
  assert_string_equal(group(SIXTY "ab-1x"), SIXTY "ab-_");
}

static void cleaning_twice_changes_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {
      "", "host", "a-7", "../x", "a-7_", "_", "ü-1", SIXTY TEN, SIXTY "ab-1"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    char once[NAME_SIZE];
    name_clean_group(once, texts[i]);
    assert_string_equal(group(once), once);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(harmless_names_stay),
      cmocka_unit_test(every_other_byte_becomes_a_line),
      cmocka_unit_test(hostile_names),
      cmocka_unit_test(long_names_are_cut),
      cmocka_unit_test(our_own_names_are_not_given_away),
      cmocka_unit_test(no_group_looks_like_a_process),
      cmocka_unit_test(nor_does_a_long_one),
      cmocka_unit_test(cleaning_twice_changes_nothing),
  };
  return RUN(tests);
}
