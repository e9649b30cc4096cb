# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Images for the node: as a rule there is no registry, so archives are imported into its containerd.

load() { # TAR…
  require_up
  local archive
  for archive in "$@"; do
    containerd_ctl images import "$archive" >/dev/null && continue
    say "could not import $archive; it must be a docker archive"
    return 1
  done
}

image() { # NAME FILE[:PATH]… : an image with these files and nothing else; the first one is its entry point
  require_up
  archive "$@" >"$state/image.tar"
  load "$state/image.tar"
  rm -f "$state/image.tar"
}

archive() { # NAME FILE[:PATH]… : such an image as a docker archive on standard output
  local image=$1 work entry='' file source path layer config
  shift
  work=$(mktemp -d)
  mkdir "$work/root" "$work/image"
  for file in "$@"; do
    source=${file%%:*} path=/${source##*/}
    [[ $file != *:* ]] || path=${file#*:}
    install -D -m 755 "$source" "$work/root$path"
    entry=${entry:-$path}
  done
  local plain=(--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner)
  tar "${plain[@]}" -C "$work/root" -cf "$work/image/layer.tar" .
  layer=$(sha256sum "$work/image/layer.tar" | cut -d' ' -f1)
  local architecture
  architecture=$(dpkg --print-architecture)
  echo "{\"architecture\":\"$architecture\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"$entry\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$layer\"]}}" >"$work/config"
  config=$(sha256sum "$work/config" | cut -d' ' -f1).json
  mv "$work/config" "$work/image/$config"
  echo "[{\"Config\":\"$config\",\"RepoTags\":[\"$image\"],\"Layers\":[\"layer.tar\"]}]" >"$work/image/manifest.json"
  tar "${plain[@]}" -C "$work/image" -cf - manifest.json "$config" layer.tar
  rm -rf "$work"
}
