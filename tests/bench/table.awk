# SPDX-License-Identifier: MIT
#
# The bench's results, lines of "<row> <N> <key> <value>", as one table. Keys:
# us (CPU time) and calls (read calls) of a sample for each process, rss (kB),
# lists (value lists of a sample), all (processes on the machine), times (how
# often the floor it costs, where that was measured in turn with the floor).
# Targets are judged for N of 1000 and more: a smaller sample is mostly noise
# and fixed cost.

{ value[$1, $2, $3] = $4 }

function has(row, n) { return (row, n, "all") in value }
function of(row, key) { return value[row, n, key] }

function cell(number, times) {
  if (number == "")
    cells = cells sprintf("%12s %7s", "-", "")
  else if (times == "")
    cells = cells sprintf("%12.2f %7s", number, "")
  else
    cells = cells sprintf("%12.2f %6.2fx", number, times)
}

function judge(number) {
  if (n >= 1000 && (worst == "" || number > worst))
    worst = number
}

function print_line(label, target, most,   verdict) {
  verdict = "met"
  if (worst == "")
    verdict = "not measured"
  else if (worst > most)
    verdict = sprintf("MISSED by %.1f %%", (worst / most - 1) * 100)
  printf "%-48s%s   %s\n", label, cells,
    target == "" ? "" : target ": " verdict
  cells = worst = ""
}

# CPU time for each process, and how many times that of `reference`. With
# `descriptors` only sizes whose descriptors can all be kept are judged.
function cost(label, row, reference, target, most, descriptors,   i, times) {
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    times = ""
    if (!has(row, n)) {
      cell()
      continue
    }
    if (reference != "" && has(reference, n)) {
      times = of(row, "us") / of(reference, "us")
      if (reference == "floor")
        times = of(row, "times")
      if (of(row, "all") * descriptors < nofile)
        judge(times)
    }
    cell(of(row, "us"), times)
  }
  print_line(label, target, most)
}

# CPU time for each process against a target for each size.
function cost_by_size(label, row, target, most,   i) {
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    if (has(row, n) && n in most)
      judge(of(row, "us") / most[n])
    if (has(row, n))
      cell(of(row, "us"), of(row, "times"))
    else
      cell()
  }
  print_line(label, target, 1)
}

function calls(label, row, target, most,   i, number) {
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    number = ""
    if (has(row, n)) {
      number = of(row, "calls") - of("empty", "calls")
      judge(number)
    }
    cell(number)
  }
  print_line(label, target, most)
}

function list_us(row, reference) {
  if (!has(row, n))
    return ""
  return (of(row, "us") - of(reference, "us")) * of(row, "all") / \
    of(row, "lists")
}

function list_floor(   i) {
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    cell(list_us("lists", "empty"))
  }
  print_line("a value list, collectd's own floor")
}

# What each process costs more than all of them in one group.
function list_cost(label, each, together, target, most,   i, number, times) {
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    number = times = ""
    if (has(each, n)) {
      number = list_us(each, together)
      times = number / list_us("lists", "empty")
      judge(times)
    }
    cell(number, times)
  }
  print_line(label, target, most)
}

function rss(row, at) { return value[row, at, "rss"] * 1024 }

# What collectd itself keeps of a series.
function bytes_of_a_list() {
  return (rss("lists-one", n) - rss("empty", n)) / of("lists-one", "lists")
}

# How much memory grows with a process more than those of the first size, less
# what collectd keeps of its series.
function bytes(label, row, target, most,   i, first, lists, number) {
  first = size[1]
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    number = ""
    if (i > 1 && has(row, n)) {
      lists = of(row, "lists") - value[row, first, "lists"]
      number = (rss(row, n) - rss(row, first) - lists * bytes_of_a_list()) / \
        (n - first)
      judge(number)
    }
    cell(number)
  }
  print_line(label, target, most)
}

function thread_bytes(label, target, most,   i, number) {
  for (i = 1; i <= sizes_count; i++) {
    n = size[i]
    number = ""
    if (has("threads", n)) {
      number = (rss("threads", n) - rss("groups-all", n)) / \
        of("threads", "threads")
      judge(number)
    }
    cell(number)
  }
  print_line(label, target, most)
}

END {
  sizes_count = split(sizes, size)
  printf "%-48s", ""
  for (i = 1; i <= sizes_count; i++)
    printf "%12s %7s", "N = " size[i], ""
  print "   target\nCPU time of a sample, µs for each process"
  cost("floor: stat status io schedstat fd", "floor")
  cost("floor, descriptors kept", "floor-kept", "floor")
  cost("proctrace's source", "source", "floor",
    "1.15 x floor", 1.15)
  cost("proctrace's source, descriptors kept", "source-kept", "floor",
    "0.7 x floor, if all are kept", 0.7, 5)
  bpf_most[1000] = 0.5
  bpf_most[10000] = 1.6
  cost("proctrace's source bpf, and selection", "source-bpf", "floor")
  cost_by_size("the same, nothing else in the caches", "source-bpf-warm",
    "0.5 of 1000, 1.6 of 10000", bpf_most)
  cost("collectd's processes plugin", "processes")
  cost("proctrace, groups only, equal fields", "groups", "processes",
    "1/3 of processes", 1 / 3)
  cost("the same, descriptors kept", "groups-kept", "processes",
    "1/3 of processes", 1 / 3)
  cost("processes + context switches, descriptors", "processes-more")
  cost("proctrace, groups only, equal fields", "groups-more", "processes-more",
    "1/3 of processes", 1 / 3)
  cost("the same, descriptors kept", "groups-more-kept", "processes-more",
    "1/3 of processes", 1 / 3)
  cost("the same, source bpf", "groups-more-bpf", "processes-more")
  cost("source bpf and selection, without dispatch", "source-bpf",
    "processes-more", "1/30 of processes", 1 / 30)
  cost("proctrace, groups only, all default fields", "groups-all")
  cost("the same, source bpf", "groups-all-bpf")
  cost("pidstat -d -r -u -w", "pidstat")
  cost("proctrace, each process, all default fields", "each")
  cost("the same, source bpf", "each-bpf")
  cost("floor: stat", "floor-stat")
  cost("proctrace, processes unwatched", "unwatched", "floor-stat")
  calls("read calls for a process unwatched", "unwatched",
    "1 (and the host's files)", 1.05)
  print "CPU time, µs for each value list"
  list_floor()
  list_cost("a value list, proctrace's processes", "each", "groups-all",
    "1.1 x floor", 1.1)
  list_cost("the same, source bpf: no reading blurs it", "each-bpf",
    "groups-all-bpf", "1.1 x floor", 1.1)
  print "Resident memory, bytes more than with N = " size[1]
  bytes("a process, groups only", "groups-all", "1024", 1024)
  bytes("a process with few series, less their cache", "each-one", "1024", 1024)
  thread_bytes("a thread, groups only", "64", 64)
}
