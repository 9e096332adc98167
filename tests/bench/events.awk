# SPDX-License-Identifier: MIT
#
# Results of run-events as one table of medians: lines of "<row> <tool> <value>
# [<value without>]...", of which the value less the mean of those without is
# told.

{
  row = $1 SUBSEP $2
  without = 0
  for (i = 4; i <= NF; i++) {
    without += $i / (NF - 3)
    plain[$1, ++plain_count[$1]] = $i
  }
  added[row, ++count[row]] = $3 - without
}

function median(values, row, count,   i, j, sorted, value) {
  for (i = 1; i <= count; i++) {
    value = values[row, i]
    for (j = i; j > 1 && sorted[j - 1] > value; j--)
      sorted[j] = sorted[j - 1]
    sorted[j] = value
  }
  return sorted[int((count + 1) / 2)]
}

function of(name, tool,   row) {
  row = name SUBSEP tool
  return row in count ? median(added, row, count[row]) : ""
}

function cell(number) {
  return number == "" ? sprintf("%13s", "-") : sprintf("%13.1f", number)
}

function verdict(number, most) {
  if (number == "")
    return "not measured"
  return number <= most ? "met" : \
    sprintf("MISSED by %.1f %%", (number / most - 1) * 100)
}

# Those that do not know watched processes may have another name for it.
function print_line(label, name, target, most, theirs,   i, cells) {
  if (theirs == "")
    theirs = name
  cells = name in plain_count ? cell(median(plain, name, plain_count[name])) : \
    sprintf("%13s", "")
  for (i = 1; i <= tools; i++)
    cells = cells cell(of(tool[i] == "proctrace" ? name : theirs, tool[i]))
  printf "%-52s%s%s\n", label, cells, target == "" ? "" : \
    "   " target ": " verdict(of(name, "proctrace"), most)
}

# What a call costs each of two threads on two CPUs, to what it costs one.
function print_shared(two, one,   i, cells, times) {
  cells = sprintf("%13s", "")
  for (i = 1; i <= tools; i++) {
    times[i] = of(two, tool[i]) == "" || of(one, tool[i]) + 0 <= 0 ? "" : \
      of(two, tool[i]) / of(one, tool[i])
    cells = cells (times[i] == "" ? cell("") : sprintf("%12.2fx", times[i]))
  }
  printf "%-52s%s   1.25 x: %s\n", "    times that of one", cells,
    verdict(times[2], 1.25)
}

END {
  tools = split("empty proctrace bpftrace libbpf-tools", tool)
  printf "%-52s%13s", "", "without"
  for (i = 1; i <= tools; i++)
    printf "%13s", tool[i]
  print "   target"
  print "CPU time added to an event, ns (empty: by programs that do nothing)"
  print_line("a system call, counted", "counted", "45", 45)
  print_line("  by bpftrace on the one raw tracepoint", "counted-raw")
  print_line("  with latency", "latency", "130", 130)
  print_line("  with all five probes", "five")
  print_line("  of two threads on two CPUs, counted", "counted-shared")
  print_shared("counted-shared", "counted")
  print_line("  of two threads on two CPUs, latency", "latency-shared")
  print_shared("latency-shared", "latency")
  print_line("  of an unwatched process, counted", "counted-unwatched",
    "35", 35, "counted")
  print_line("  of an unwatched process, latency", "latency-unwatched",
    "70", 70, "latency")
  print_line("  of an unwatched process, latency of the host too",
    "host-unwatched")
  print_line("  of a watched process, latency of the host too", "host")
  print_line("mmap and munmap, mmap probe", "mmap")
  print_line("  another system call, mmap probe", "mmap-others")
  print_line("two switches, two wakeups: run queue and wakeups", "runqueue",
    "120", 120)
  print_line("  of an unwatched process", "runqueue-unwatched", "", 0,
    "runqueue")
  print_line("  of an unwatched process, the host's too",
    "runqueue-host-unwatched")
  print "Run time of BPF programs for an event, ns"
  print_line("a wakeup", "wakeup")
  print_line("a block I/O", "block", "300", 300)
  print "From start to end: all five probes; theirs count or time system calls"
  print_line("attach, ms", "attach", "100", 100, "attach-counted")
  print_line("  with latency", "attach-latency")
  print_line("detach, ms", "detach", "50", 50, "detach-counted")
  print_line("  with latency", "detach-latency")
  print_line("resident memory of the tool, MB", "rss-counted")
  print_line("kernel memory for 1000 processes of 10 threads, MB", "memory",
    "32", 32)
  print_line("  of that in maps", "maps")
  print_line("read callback for 100 processes, ms of CPU time", "read",
    "15", 15)
  print_line("  value lists of it", "lists")
}
