#!/usr/bin/env bash
# Builds a local replacement of the Dockerfile's base image, for machines that reach no container registry. The result is not
# the official image: Debian's packages, the Node of this project's devDependency, npm, and the user `node`. Use the
# replacement only to try the Dockerfile and its container. `npm run image:check` runs this script as root, with the tag.
set -euo pipefail
tag=$1
node=$(realpath "$(dirname "$0")/../node_modules/node/bin/node")
work=$(mktemp --directory)
container=$(buildah from scratch)
trap 'rm -rf "$work"; buildah rm "$container" > /dev/null' EXIT
root=$(buildah mount "$container")

debootstrap --variant=minbase trixie "$root" > "$work/log" 2>&1 || { tail "$work/log" >&2; exit 1; }
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
chroot "$root" useradd --uid 1000 --user-group --create-home --shell /bin/bash node

install "$node" "$root/usr/local/bin/node"
npm pack --silent --pack-destination "$work" npm@11 > /dev/null
mkdir -p "$root/usr/local/lib/node_modules/npm" "$root/usr/local/etc" "$root/etc/ssl/certs"
tar --extract --file "$work"/npm-*.tgz --directory "$root/usr/local/lib/node_modules/npm" --strip-components 1 --no-same-owner
for name in npm npx; do
  ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/usr/local/bin/$name"
done
# Inside the image, npm uses this machine's registry and trusts this machine's certificates.
install --mode 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
cat > "$root/usr/local/etc/npmrc" << EOF
registry=$(npm config get registry)
cafile=/etc/ssl/certs/ca-certificates.crt
EOF

buildah config --env NODE_VERSION="$("$node" --version | tr -d v)" --cmd node "$container"
buildah commit --quiet "$container" "$tag" > /dev/null
