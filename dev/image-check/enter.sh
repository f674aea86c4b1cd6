# What an engine does for a container, with what any Debian has, for where no engine runs: `unshare --mount --pid --fork`
# runs this with the container's root, its user, its folder and its command.
set -eu
root=$1 user=$2 folder=$3
shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user:" "$root" env --chdir="$folder" "$@"
