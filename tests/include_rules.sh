#!/bin/bash
# Checks the rules of the house that no compiler enforces, since Debian puts all headers in
# /usr/include: who may include what, what lies where, and how long a file may be.
#
#   tests/include_rules.sh [TREE]
#
# TREE is this repository unless named. Prints each offence as "file:line: what (the rule)".
# Exits 0 if there is none, 1 if there is any. Uses git's list of files where there is one.
set -euo pipefail
shopt -s extglob

cd "${1:-$(dirname "$(readlink -f "$0")")/..}"

readonly MAX_LINES=500
readonly ROOMS='@(proto|server|core|client|tests|deploy)'
readonly BESIDE='@(CMakeLists.txt|README.md|CMakePresets.json|.*)'

offences=0
offence() {
  echo "$1:$2: $3 ($4)"
  offences=$((offences + 1))
}

is_checkout() {
  [[ $(git rev-parse --show-toplevel 2>/dev/null) == "$(pwd -P)" ]]
}

# Every file of the tree, build outputs left out.
list_files() {
  if is_checkout; then
    git -c core.quotePath=off ls-files --cached --others --exclude-standard
  else
    find . -mindepth 1 \( -path ./build -o -path ./.git \) -prune -o -type f -printf '%P\n'
  fi
}

# The names at the top. What a checkout does not track is somebody's scratch file.
list_top() {
  if is_checkout && [[ -n $(git ls-files | head -n 1) ]]; then
    git ls-files | cut -d / -f 1 | sort -u
  else
    find . -mindepth 1 -maxdepth 1 ! -name build -printf '%P\n' | sort
  fi
}

# Names the rule that the source file $1 breaks by including $2, which opens with the quote $3;
# says nothing if it breaks none.
broken_rule() {
  if [[ /$2/ == */../* || ($3 == '"' && $2 != */*) ]]; then
    echo "include paths start at the top of the tree"
    return
  fi
  case $1 in
    core/*) core_rule "$2" ;;
    server/*) server_rule "$2" ;;
    client/*) client_rule "$2" ;;
  esac
}

core_rule() {
  case $1 in
    absl/flags/* | absl/log/*) echo "core/ reads no flags and prints nothing" ;;
    absl/* | hwy/* | core/*) ;;
    */*) echo "core/ knows only std, absl, hwy and itself" ;;
  esac
}

server_rule() {
  case $1 in
    core/batch.h | core/engine.h | core/instruction_set.h | core/logits.h | core/mutex.h | core/params.h) ;;
    core/*) echo "server/ sees only core's public headers: batch.h, engine.h, instruction_set.h, logits.h, mutex.h, params.h" ;;
    client/* | tests/*) echo "server/ knows nothing of ${1%%/*}/" ;;
  esac
}

client_rule() {
  case $1 in
    core/* | server/* | tests/*) echo "client/ knows nothing of ${1%%/*}/" ;;
  esac
}

check_includes() {
  local include='^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"])([^>"]+)[>"]'
  local number text rule header
  while IFS=: read -r number text; do
    [[ $text =~ $include ]] || continue
    header=${BASH_REMATCH[2]}
    rule=$(broken_rule "$1" "$header" "${BASH_REMATCH[1]}")
    [[ -z $rule ]] || offence "$1" "$number" "includes $header" "$rule"
  done < <(grep -nE "$include" "$1")
}

check_length() {
  local lines
  lines=$(wc -l <"$1")
  ((lines <= MAX_LINES)) || offence "$1" "$lines" "$lines lines" "no file over $MAX_LINES lines"
}

check_place() {
  [[ $1 != *.proto || $1 == proto/* ]] || offence "$1" 1 "an API file" "the API lies in proto/"
}

check_top() {
  local name
  while IFS= read -r name; do
    # shellcheck disable=SC2053  # patterns on purpose
    [[ $name == $ROOMS || $name == $BESIDE ]] ||
      offence "$name" 1 "does not belong at the top" "the rooms: proto server core client tests deploy"
  done < <(list_top)
  for name in proto server core client tests deploy CMakeLists.txt README.md; do
    [[ -e $name ]] || offence "$name" 1 "is missing" "every room is there, and the README"
  done
}

check_top
count=0
while IFS= read -r file; do
  [[ -f $file ]] || continue
  count=$((count + 1))
  check_place "$file"
  case $file in
    *.cc | *.h)
      check_length "$file"
      check_includes "$file"
      ;;
  esac
done < <(list_files)

((count > 0)) || offence . 1 "no files found" "there is a tree to check"
echo "include_rules: $count files, $offences offences"
((offences == 0))
