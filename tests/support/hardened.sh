#!/bin/sh
# Run a command in the file system ROOT of an image with the restrictions of a strict orchestrator: user UID, group 0, no
# capabilities, no new privileges, and a read-only file system except for /dev/shm. Needs root, and new mount and process
# namespaces:
#
#     unshare --mount --pid --fork tests/support/hardened.sh ROOT UID COMMAND...
set -eu
root=$1 uid=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs devices "$root/dev"
mkdir -m 1777 "$root/dev/shm"
for device in null zero random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
exec chroot "$root" setpriv --reuid="$uid" --regid=0 --clear-groups --bounding-set=-all --inh-caps=-all \
    --no-new-privs "$@"
