#!/usr/bin/env bash
# Owns what is said of an image's contents: a CycloneDX 1.6 list of every crate that is linked into one program, from what cargo knows.
#   images/sbom.sh PACKAGE TARGET PROGRAM > PROGRAM.cdx.json
# Called by images/build.sh. The same sources make the same list, so it holds no time and no number of its own. Needs cargo and jq.
# Features are those of the whole workspace: a crate that only tests switch on in another may be listed. Must never list less than is
# linked, nor a version that Cargo.lock does not say.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
package=$1 target=$2 program=$3

# name, version and checksum of each crate of a registry, as Cargo.lock has them.
checksums() {
    sed -n 's/^name = \(".*"\)$/N \1/p; s/^version = \(".*"\)$/V \1/p; s/^checksum = \(".*"\)$/C \1/p' Cargo.lock |
        jq -Rn 'reduce inputs as $line ({}; ($line[2:] | fromjson) as $value |
            if $line[:1] == "N" then .name = $value
            elif $line[:1] == "V" then .version = $value
            else .of["\(.name)@\(.version)"] = $value end) | .of'
}

cargo metadata --format-version 1 --locked --filter-platform "$target" |
    jq --arg package "$package" --arg digest "$(sha256sum "$program" | cut -d ' ' -f 1)" --slurpfile checksums <(checksums) '
        def purl: "pkg:cargo/\(.name)@\(.version)";
        # What is linked: neither what builds it nor what tests it. A macro runs in the compiler and is listed all the same.
        def linked: [.deps[] | select(any(.dep_kinds[]; .kind == null)) | .pkg];
        def licensed: if .license == null then {} else
            {licenses: [{expression: (.license | gsub(" */ *"; " OR "))}]} end;
        def hashed: $checksums[0]["\(.name)@\(.version)"] as $sum |
            if $sum == null then {} else {hashes: [{alg: "SHA-256", content: $sum}]} end;
        (.packages | map({key: .id, value: .}) | from_entries) as $packages |
        (.resolve.nodes | map({key: .id, value: linked}) | from_entries) as $uses |
        first(.packages[] | select(.name == $package and .source == null)) as $root |
        ({seen: {}, next: [$root.id]} | until(.next == [];
            .seen as $seen | [.next[] | select($seen[.] | not)] as $new |
            {seen: ($seen + ($new | map({key: ., value: true}) | from_entries)), next: ([$new[] | $uses[.][]] | unique)})
            | .seen | keys) as $all |
        {
            bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
            metadata: {component: ({type: "application", "bom-ref": ($root | purl), name: $root.name, version: $root.version,
                hashes: [{alg: "SHA-256", content: $digest}]} + ($root | licensed))},
            components: [$all[] | select(. != $root.id) | $packages[.] |
                {type: "library", "bom-ref": purl, name, version, purl: purl} + licensed + hashed] | sort_by(.name, .version),
            dependencies: [$all[] | . as $id | {ref: ($packages[$id] | purl), dependsOn: [$uses[$id][] | $packages[.] | purl] | unique}]
                | sort_by(.ref)
        }'
