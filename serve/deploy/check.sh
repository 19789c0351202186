#!/usr/bin/env bash
# Tries what lies here with the programs that read it. Each part says what it
# found, or that it was skipped and for want of what; the exit status is 1 where
# a part failed.
#
#   serve/deploy/check.sh [container] [kubernetes] [prometheus] [systemd]
#
# Debian: buildah, podman, crun, busybox-static; prometheus; systemd.
# Python: kubernetes-validate, which brings the schemas.
set -euo pipefail
cd "$(dirname "$0")/../.."
deploy=serve/deploy
tmp=$(mktemp -d)
failed=0
say() { printf '%s: %s\n' "$@"; }
need() { # part, programs...
  local part=$1 p; shift
  for p; do command -v "$p" >/dev/null 2>&1 || { say "$part" "skipped: $p is not installed"; return 1; }; done
}

# The recipe as it is, on a base image that is made of this machine's Go, so that
# no registry is needed; then the image, without root and without a writable
# file, has to answer.
container() {
  need container buildah podman crun busybox go curl || return 0
  local store=(--root "$tmp/store" --runroot "$tmp/run") base="$tmp/base" modules cache
  modules=$(go env GOMODCACHE) cache=$(go env GOCACHE)
  mkdir -p "$base/src" "$base/home"
  cp "$(command -v busybox)" "$base/busybox"
  cp -r "$(go env GOROOT)" "$base/go"
  cp -rL /etc/ssl/certs "$base/certs"
  {
    echo 'FROM scratch'
    echo 'COPY busybox /bin/busybox'
    echo 'COPY go /usr/local/go'
    echo 'COPY certs /etc/ssl/certs'
    echo "ENV PATH=/usr/local/go/bin:/bin HOME=/root GOTOOLCHAIN=local GOMODCACHE=/modules GOCACHE=/cache GOPROXY=$(go env GOPROXY) GOSUMDB=$(go env GOSUMDB) GOFLAGS=$(go env GOFLAGS)"
    echo 'RUN ["/bin/busybox", "--install", "-s", "/bin"]'
    echo 'RUN mkdir -p /tmp /root'
  } > "$base/Containerfile"
  buildah "${store[@]}" bud --isolation chroot -q -f "$base/Containerfile" -t docker.io/library/golang:1.26 "$base" >/dev/null
  git archive HEAD | tar -x -C "$base/src"
  buildah "${store[@]}" bud --isolation chroot -q --pull-never -v "$modules:/modules" -v "$cache:/cache" \
    -f "$deploy/Containerfile" -t localhost/sluice-serve "$base/src" >/dev/null
  say container "built, $(buildah "${store[@]}" images --format '{{.Size}}' localhost/sluice-serve)"
  local user
  user=$(buildah "${store[@]}" inspect --type image --format '{{.OCIv1.Config.User}}' localhost/sluice-serve)
  [ "$user" = 65532:65532 ] || { say container "runs as $user"; return 1; }

  mkdir -p "$base/etc"
  printf 'dir: /home/sluice\ngrpc: 127.0.0.1:19443\nhttp: 127.0.0.1:18443\n' > "$base/etc/serve.yaml"
  chmod -R a+rX "$base/home" "$base/etc" "$tmp"
  local run=(podman "${store[@]}" --cgroup-manager cgroupfs run -d --pull never --runtime crun --cgroups disabled --network host
    --read-only --cap-drop all --security-opt no-new-privileges -v "$base/home:/home/sluice:ro" -v "$base/etc:/etc/sluice:ro"
    localhost/sluice-serve --config /etc/sluice/serve.yaml)
  local id pid="" how code=0 n live=""
  if id=$("${run[@]}" 2>"$tmp/podman"); then
    how=podman pid=$(podman "${store[@]}" inspect --format '{{.State.Pid}}' "$id")
  else
    # No containers within this one: the image's files, read-only, by hand.
    need container unshare setpriv chroot pgrep || return 0
    how="chroot, for podman says: $(tail -1 "$tmp/podman")"
    local root
    root=$(buildah "${store[@]}" mount "$(buildah "${store[@]}" from --pull-never localhost/sluice-serve)")
    mkdir -p "$root/home/sluice" "$root/etc/sluice"
    unshare --mount --pid --fork --kill-child bash -c '
      mount --make-rprivate / && mount --bind "$1" "$1" && mount --bind "$2/home" "$1/home/sluice" && mount --bind "$2/etc" "$1/etc/sluice" &&
      mount -o remount,bind,ro "$1" && mount -o remount,bind,ro "$1/home/sluice" && mount -o remount,bind,ro "$1/etc/sluice" &&
      exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups= "$1" /sluice-serve --config /etc/sluice/serve.yaml' \
      sh "$root" "$base" >"$tmp/served" 2>&1 &
    id=$!
  fi
  for n in $(seq 200); do
    live=$(curl -s http://127.0.0.1:18443/healthz || true)
    [ -n "$live" ] && break
    sleep 0.1
  done
  [ -n "$live" ] || { say container "does not answer ($how)"; cat "$tmp/served" 2>/dev/null; return 1; }
  [ -n "$pid" ] || pid=$(pgrep -P "$id")
  local user caps news writable
  user=$(awk '/^Uid:/ {print $2}' "/proc/$pid/status") caps=$(awk '/^CapEff:/ {print $2}' "/proc/$pid/status") news=$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$pid/status")
  # Of what it sees nothing may be writable but the kernel's own and what podman
  # gives in memory.
  writable=$(awk '$6 ~ /^rw/ && $5 !~ "^/(proc|sys|dev|run|tmp|var/tmp)(/|$)" {print $5}' "/proc/$pid/mountinfo" | sort -u | tr '\n' ' ')
  if [ "$how" = podman ]; then
    podman "${store[@]}" stop -t 25 "$id" >/dev/null
    code=$(podman "${store[@]}" inspect --format '{{.State.ExitCode}}' "$id")
  else
    kill -TERM "$pid"
    wait "$id" || code=$?
  fi
  say container "answers as user $user, capabilities $caps, no new privileges $news, writable: ${writable:-nothing}; ended with $code ($how)"
  [ "$user" = 65532 ] && [ "$caps" = 0000000000000000 ] && [ "$news" = 1 ] && [ -z "$writable" ] && [ "$code" = 0 ]
}

kubernetes() {
  need kubernetes kubernetes-validate || return 0
  kubernetes-validate --strict --quiet "$deploy/kubernetes.yaml"
  say kubernetes "the manifests are as $(kubernetes-validate --version 2>&1 | tail -1) has them"
}

prometheus() {
  need prometheus promtool || return 0
  promtool check rules "$deploy/alerts.yaml" >/dev/null
  (cd "$deploy" && promtool test rules alerts_test.yaml >/dev/null)
  say prometheus "$(grep -c 'alert:' "$deploy/alerts.yaml") alerts come when they should"
}

systemd() {
  need systemd systemd-analyze || return 0
  sed 's#/usr/bin/sluice-serve#/bin/true#' "$deploy/sluice-serve.service" > "$tmp/sluice-serve.service"
  systemd-analyze verify --man=no "$tmp/sluice-serve.service"
  say systemd "$(systemd-analyze security --offline=true --threshold=20 --no-pager "$tmp/sluice-serve.service" | tail -1)"
}

clean() {
  if command -v podman >/dev/null 2>&1 && [ -d "$tmp/store" ]; then
    podman --root "$tmp/store" --runroot "$tmp/run" rm -fa >/dev/null 2>&1 || true
    buildah --root "$tmp/store" --runroot "$tmp/run" rm -a >/dev/null 2>&1 || true
    podman --root "$tmp/store" --runroot "$tmp/run" rmi -fa >/dev/null 2>&1 || true
  fi
  rm -rf "$tmp"
}
trap clean EXIT
[ $# -gt 0 ] || set -- container kubernetes prometheus systemd
for part; do
  case $part in container | kubernetes | prometheus | systemd) ;; *) echo "$part is none of container, kubernetes, prometheus, systemd" >&2; exit 2 ;; esac
  # Not as a condition, within which -e does not count.
  set +e
  (set -e; "$part")
  code=$?
  set -e
  [ "$code" = 0 ] || { say "$part" failed; failed=1; }
done
exit $failed
