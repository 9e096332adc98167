#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The suites and a real collectd on the running kernel, and on others of Debian,
# emulated. `make check-kernels` names the programs in KERNEL_UNIT, KERNEL_PLUGIN
# and KERNEL_BPF. What was found out of each kernel is in kernels/, all of it in
# kernels.md and, in short, in kernels-short.md; `make kernels-table` takes them
# over into the documents.
#
# KERNELS names others than all: "here" is the running one, others are as vm names
# them, and with -no-btf behind it one whose BTF is hidden, since Debian builds
# none without. Variants run what depends on what is varied: the BPF tests, and
# collectd. What a former run has found out of kernels that are not named stands.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.sh"

kernels=${KERNELS:-here 6.1 6.12 sid 5.10 6.12-rt 6.12-no-btf}
here=$(dirname "$0")
collectd=tests/kernels/collectd.sh
# shellcheck disable=SC2206 # words
suites=(${KERNEL_UNIT-} ${KERNEL_PLUGIN-})
# shellcheck disable=SC2206 # words
bpf=(${KERNEL_BPF-})
tmpdir
out=kernels
mkdir -p "$out"
# All of a kernel: emulation is ten to twenty times slower. It takes up to eight
# minutes, of a machine that does nothing else.
export VM_TIMEOUT=${VM_TIMEOUT:-2700}

lacks() {
  local item
  for item in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static \
    cpio:cpio modprobe:kmod xz:xz-utils zstd:zstd apt-get:apt; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${item%%:*}" >/dev/null || {
      echo "${item#*:} is not installed"
      return
    }
  done
  [ "$(uname -m)" = x86_64 ] || echo "no x86-64"
}

run_here() {
  bash "$here/guest.sh" "${bpf[@]}" "$collectd" "${suites[@]}" \
    >"$out/here" 2>"$tmp/here.said"
  echo 0 >"$tmp/here.status"
}

# shellcheck disable=SC2317 # called by spawn
run_under() { # NAME
  local programs=("${bpf[@]}" "$collectd")
  [[ $1 == *-* ]] || programs+=("${suites[@]}")
  [[ $1 != *-no-btf ]] || export GUEST_HIDES=/sys/kernel/btf
  GUEST_DISK=/dev/vda PROCTRACE_TEST_EMULATED=1 bash "$here/vm" \
    "${1%-no-btf}" -- bash "$here/guest.sh" "${programs[@]}" \
    >"$out/$1" 2>"$tmp/$1.said" &
  # shellcheck disable=SC2064 # now
  trap "kill $!" TERM
  wait $!
  echo $? >"$tmp/$1.status"
}

# Each emulator takes one CPU of ours; the running kernel has all to itself.
run_all() {
  local kernel
  for kernel in $kernels; do
    if [ "$kernel" = here ]; then
      rm -f "$out/$kernel"
      run_here
      continue
    fi
    [ -z "$why" ] || continue
    rm -f "$out/$kernel"
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do
      wait -n
    done
    spawn run_under "$kernel"
  done
  wait
}

judge() { # NAME
  local program passed failed skipped status seconds said=$out/$1
  ok "$1: all programs have run" grep -qx end "$said" ||
    diag "$(tail -n 20 "$tmp/$1.said")"
  while read -r _ program passed failed skipped _ status seconds; do
    # Nothing passed and nothing was skipped: it ended early.
    ok "$1: $program: $passed passed, $failed failed, $skipped skipped, $seconds s" \
      test "$status" -eq 0 -a "$failed" -eq 0 -a $((passed + skipped)) -gt 0 ||
      diag "$(sed -n "s,^said $program ,,p" "$said")"
  done < <(grep '^result ' "$said")
}

# --- the tables ---

said() { # NAME WORD; what stands behind the word
  sed -n "s/^$2 //p" "$out/$1"
}

title() { # NAME
  local release
  release=$(said "$1" kernel)
  case $1 in
  here) echo "${release%%-*}, running, not emulated" ;;
  *-no-btf) echo "$release, its BTF hidden" ;;
  *) echo "$release" ;;
  esac
}

# "12", or "11 of 12", and how many more were skipped, of these programs.
sum() { # NAME PROGRAM...
  local name=$1
  shift
  printf '%s\n' "$@" | awk '
    NR == FNR {wanted[$1]; next}
    $1 == "result" && $2 in wanted {
      n++
      passed += $3
      failed += $4 + ($4 == 0 && $7 != 0)
      skipped += $5
      short += $6
    }
    END {
      if (!n) print "-"
      else if (passed + failed == 0) print "skipped"
      else printf "%d%s%s%s\n", passed,
        failed ? " of " passed + failed : "",
        skipped ? ", " skipped " skipped" : "",
        short ? ", " short " with runs left out" : ""
    }' - "$out/$name"
}

probes() { # NAME; in one cell
  said "$1" "found probe" | awk '
    {
      name = $1
      sub("^[a-z]+ ", "")
      how[NR] = $0
      none += $0 == "not"
      names[$0] = names[$0] (names[$0] == "" ? "" : ", ") name
    }
    END {
      if (none == NR) {
        print "none"
        exit
      }
      for (i = 1; i <= NR; i++)
        if (!seen[how[i]]++)
          cell = cell (cell == "" ? "" : "; ") names[how[i]] ": " how[i]
      print cell
    }'
}

source_of() { # NAME
  said "$1" "found source" | sed 's/ (.*not from BPF[^:]*: \(.*\))$/: \1/'
}

row() { # CELL...
  local cell line="|"
  for cell; do
    line+=" $cell |"
  done
  echo "$line"
}

short_table() { # NAME...
  local name without
  row kernel "built without" source probes "tests passed"
  row --- --- --- --- ---
  for name; do
    without=$(said "$name" without)
    row "$(title "$name")" "${without:--}" "$(source_of "$name")" \
      "$(probes "$name")" \
      "$(sum "$name" "${bpf[@]}" "$collectd" "${suites[@]}")"
  done
}

whole_table() { # NAME...
  local name cells program
  cells=()
  for name; do
    cells+=("$(title "$name")")
  done
  row tests "${cells[@]}"
  row --- "${cells[@]//*/---}"
  for program in unit plugin "${bpf[@]}" "$collectd"; do
    cells=()
    for name; do
      # shellcheck disable=SC2086 # words
      case $program in
      unit) cells+=("$(sum "$name" ${KERNEL_UNIT-})") ;;
      plugin) cells+=("$(sum "$name" ${KERNEL_PLUGIN-})") ;;
      *) cells+=("$(sum "$name" "$program")") ;;
      esac
    done
    row "${program#tests/}" "${cells[@]}"
  done
}

# What failed, what did only the first time, and what was skipped though others
# like it passed.
remarks() { # NAME...
  local name
  for name; do
    awk -v name="$(title "$name")" '
      $1 == "failed" || $1 == "skipped" || $1 == "again" {
        what = $1 == "again" ? "failed the first time, then run again" : $1
        lines[$2] = lines[$2] "- " name ": " what ": " $2
        for (i = 3; i <= NF; i++)
          if ($i != "#" && $i != "SKIP") lines[$2] = lines[$2] " " $i
        lines[$2] = lines[$2] "\n"
      }
      $1 == "result" && $3 + $4 {printf "%s", lines[$2]}' "$out/$name"
  done
}

why=$(lacks)
run_all
for kernel in $kernels; do
  if [ "$kernel" != here ] && [ -n "$why" ]; then
    skip "$kernel" "$why"
  elif [ "$(cat "$tmp/$kernel.status")" = 77 ]; then
    skip "$kernel" "$(tail -n 1 "$tmp/$kernel.said")"
  else
    judge "$kernel"
  fi
done
mapfile -t names < <(cd "$out" && grep -lx end -- * |
  sed 's/^here$/zzz/' | sort -V | sed 's/^zzz$/here/')
short_table "${names[@]}" >kernels-short.md
{
  whole_table "${names[@]}"
  echo
  remarks "${names[@]}"
} >kernels.md
finish
