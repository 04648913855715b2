//! Names, ages and twins of objects: what makes the result independent of the order in which they arrived.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use purser_config::Name;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What a twin is told.
pub(crate) const TWIN: &str =
    "it was written more than once and one of them counts; delete the others";

/// An object, and whether another of the same name was written: possible in files, impossible in a cluster.
pub(crate) struct Written<'a, O> {
    pub(crate) object: &'a O,
    pub(crate) twice: bool,
}

/// All objects by name. Of twins the one counts whose JSON sorts first: arbitrary, but the same in any order.
pub(crate) fn by_name<'a, N: Ord, O: Serialize>(
    objects: &'a [O],
    name: impl Fn(&O) -> N,
) -> BTreeMap<N, Written<'a, O>> {
    let mut named = BTreeMap::new();
    for object in objects {
        match named.entry(name(object)) {
            Entry::Vacant(free) => {
                free.insert(Written {
                    object,
                    twice: false,
                });
            }
            Entry::Occupied(mut taken) => {
                let written = taken.get_mut();
                written.twice = true;
                if json(object) < json(written.object) {
                    written.object = object;
                }
            }
        }
    }
    named
}

fn json(object: &impl Serialize) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

/// The name of a namespaced object; files may leave the namespace out.
pub(crate) fn name_of(meta: &ObjectMeta) -> Name {
    Name::new(
        meta.namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or("default"),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// The older comes first: by creation, where a cluster recorded it, in milliseconds.
pub(crate) fn created_ms(meta: &ObjectMeta) -> Option<i64> {
    meta.creation_timestamp
        .as_ref()
        .map(|time| time.0.as_millisecond())
}

/// Whether Kubernetes would take this as a name. What it would not take never enters the configuration.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| plain(byte) || byte == b'-' || byte == b'.';
    let ends = text.as_bytes().first().zip(text.as_bytes().last());
    text.len() <= 253
        && ends.is_some_and(|(first, last)| plain(*first) && plain(*last))
        && text.bytes().all(inner)
}

/// What an object of another name is told.
pub(crate) fn bad_name(text: &str) -> String {
    format!(
        "the name {text:?} must be lower-case letters, digits, hyphens and dots, at most 253, starting and ending with a letter or digit; rename it"
    )
}
