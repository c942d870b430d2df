#!/bin/bash
# Installs the Debian packages that are missing for `run`, `test` or `proof`; asks for sudo when not root.
#   scripts/system-packages.sh run|test|proof
set -euo pipefail

run=(python3 python3-venv python3-dev gcc libc6-dev ca-certificates
     rtpengine-daemon ffmpeg nodejs npm
     asterisk-core-sounds-ru-wav asterisk-core-sounds-en-wav asterisk-moh-opsound-wav
     festival festvox-ru festvox-us-slt-hts)
test=("${run[@]}" sip-tester baresip-core redis-server kamailio chromium procps sox git valgrind)
proof=("${test[@]}" clang-14)

case ${1:-} in
run) wanted=("${run[@]}") ;;
test) wanted=("${test[@]}") ;;
proof) wanted=("${proof[@]}") ;;
*) echo "usage: $0 run|test|proof" >&2; exit 2 ;;
esac

# A tool that is there without its package (Node from elsewhere, say) is good enough.
present() {
  case $1 in
  nodejs) command -v node >/dev/null && return ;;
  npm) command -v npm >/dev/null && return ;;
  python3 | python3-venv | python3-dev) python3 -c 'import ensurepip, sysconfig, os
assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null && return ;;
  gcc) command -v gcc >/dev/null && return ;;
  esac
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "${wanted[@]}"; do present "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "These packages are missing, and only root can install them: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "Installing: ${missing[*]}" >&2
log=$(mktemp)
# rtpengine runs as our child; its own service must not start, now or at boot.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null
  "${sudo[@]}" chmod 755 $policy
  made_policy=yes
fi
cleanup() { [ -z "$made_policy" ] || "${sudo[@]}" rm -f $policy; rm -f "$log"; }
trap cleanup EXIT
{ "${sudo[@]}" apt-get -q update && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get -q install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
  { tail -n 30 "$log" >&2; echo "Installing the packages failed; the end of the log stands above." >&2; exit 1; }
if command -v systemctl >/dev/null; then
  "${sudo[@]}" systemctl disable --quiet rtpengine-daemon 2>/dev/null || true
fi
