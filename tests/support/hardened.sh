#!/bin/sh
# Run a command in the file system of an image as a strict orchestrator would: as the user UID of group 0, read-only but
# for /dev/shm, with no capability and no way to get one. Needs root; to be run in a mount and a process namespace:
#
#     unshare --mount --pid --fork tests/hardened.sh ROOT UID COMMAND...
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
