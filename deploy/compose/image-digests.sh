#!/bin/sh
# Writes the digest of every image of compose.yaml and Dockerfile behind its tag, as the registry
# has it now. Needs `docker buildx`. Nothing is written unless every digest is found.
set -eu
cd "$(dirname "$0")/../.."

changes=
for image in $(sed -n 's/^ *image: \([^ ]*\).*/\1/p; s/^FROM \([^ ]*\).*/\1/p' compose.yaml Dockerfile); do
  tag=${image%@*}
  case $tag in
    copilot-pipeline:*) continue ;; # built from the Dockerfile
  esac
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
  if ! echo "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}'; then
    echo "image-digests: docker gave no digest for $tag" >&2
    exit 1
  fi
  echo "$tag@$digest"
  changes="$changes
s#^( *image: |FROM )$tag(@sha256:[0-9a-f]*)?( .*)?\$#\\1$tag@$digest\\3#"
done

for file in compose.yaml Dockerfile; do
  pinned=$(sed -E "$changes" "$file")
  printf '%s\n' "$pinned" > "$file"
done
