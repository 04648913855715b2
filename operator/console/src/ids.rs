//! How objects are named on the wire: a number that clients of other consoles expect, or `namespace/name`. Pure. The number is the first
//! 48 bits of the SHA-256 of `Kind/namespace/name`: the same on every replica, exact in every JSON reader.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use purser_config::Name;
use sha2::{Digest, Sha256};

/// The name of a namespaced object; files may leave the namespace out.
pub fn name_of(meta: &ObjectMeta) -> Name {
    let namespace = meta.namespace.as_deref().filter(|text| !text.is_empty());
    Name::new(
        namespace.unwrap_or("default"),
        meta.name.as_deref().unwrap_or_default(),
    )
}

/// The number of an object; a cluster-scoped one has no namespace.
pub(crate) fn number(kind: &str, name: &str) -> u64 {
    let digest = Sha256::digest(format!("{kind}/{name}"));
    digest[..6]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether what stands in a path means this object.
pub(crate) fn means(id: &str, kind: &str, name: &str) -> bool {
    id == name || id.parse::<u64>().is_ok_and(|id| id == number(kind, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_name_mean_one_object() {
        let id = number("ApiKey", "shop/checkout");
        assert!(id < 1 << 48);
        assert!(means(&id.to_string(), "ApiKey", "shop/checkout"));
        assert!(means("shop/checkout", "ApiKey", "shop/checkout"));
        assert!(!means(&id.to_string(), "ProviderChannel", "shop/checkout"));
    }
}
