//! A scope as Secrets: its JSON, gzip with no time in it, cut into parts behind an index. Pure; the form is
//! `purser_config::bundle`'s. Called by `apply`.
//!
//! A Secret holds at most 1 MiB and a part 700 KiB, so each part lies in a Secret of its own: the index and `part-0` in
//! `purser-config`, `part-1` in `purser-config-1`, and so on. A pod mounts them all in one folder, each optional; the index's
//! checksums say whether what lies there belongs together.

use crate::serve::{Scope, hex};
use flate2::{Compression, GzBuilder};
use k8s_openapi::ByteString;
use purser_config::bundle::{INDEX, Index, MAX_BYTES, PART_BYTES, part_name};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;

/// The most Secrets of one namespace: 5.6 MiB compressed, some 50 MiB of configuration.
pub(crate) const MOST_PARTS: usize = 8;
/// The first Secret's name.
pub(crate) const NAME: &str = "purser-config";

/// A configuration that does not fit, or could not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// Too large.
    #[error(
        "the namespace's configuration needs {parts} parts of {PART_BYTES} bytes, and {MOST_PARTS} are the most"
    )]
    TooLarge {
        /// How many it would take.
        parts: usize,
    },
    /// Too large for a sidecar to unpack.
    #[error("the namespace's configuration has {0} bytes, and sidecars unpack {MAX_BYTES} at most")]
    TooLong(usize),
    /// Compression or JSON failed.
    #[error("packing the configuration")]
    Pack(#[from] std::io::Error),
    /// The index could not be written.
    #[error("writing the index")]
    Json(#[from] serde_json::Error),
}

/// The name of the Secret that holds part `number`.
pub(crate) fn secret_name(number: usize) -> String {
    if number == 0 {
        NAME.to_owned()
    } else {
        format!("{NAME}-{number}")
    }
}

/// The data of each Secret, in order.
pub(crate) fn pack(
    scope: &Scope,
    ca_pem: &str,
) -> Result<Vec<BTreeMap<String, ByteString>>, Unfit> {
    pack_in(PART_BYTES, scope, ca_pem)
}

fn pack_in(
    part_bytes: usize,
    scope: &Scope,
    ca_pem: &str,
) -> Result<Vec<BTreeMap<String, ByteString>>, Unfit> {
    let json = scope.json.get().as_bytes();
    if json.len() > MAX_BYTES {
        return Err(Unfit::TooLong(json.len()));
    }
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    gzip.write_all(json)?;
    let packed = gzip.finish()?;
    let parts: Vec<&[u8]> = packed.chunks(part_bytes).collect();
    if parts.len() > MOST_PARTS {
        return Err(Unfit::TooLarge { parts: parts.len() });
    }
    let index = Index {
        version: scope.version.clone(),
        bytes: json.len(),
        parts: parts
            .iter()
            .map(|part| hex(&Sha256::digest(part)))
            .collect(),
        ca_pem: ca_pem.to_owned(),
    };
    let named = |(number, part): (usize, &&[u8])| {
        BTreeMap::from([(part_name(number), ByteString(part.to_vec()))])
    };
    let mut secrets: Vec<_> = parts.iter().enumerate().map(named).collect();
    if let Some(first) = secrets.first_mut() {
        first.insert(INDEX.to_owned(), ByteString(serde_json::to_vec(&index)?));
    }
    Ok(secrets)
}

/// The index that lies in a Secret's data, if it is one.
pub(crate) fn index(data: &BTreeMap<String, ByteString>) -> Option<Index> {
    serde_json::from_slice(&data.get(INDEX)?.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Scopes;
    use flate2::read::GzDecoder;
    use purser_config::{Configuration, Key, Name, Standing};
    use std::io::Read;
    use std::sync::Arc;

    fn scope() -> Arc<Scope> {
        let key = Key {
            digests: vec![],
            previous: None,
            standing: Standing::Good,
            plan: "free".into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        };
        let keys = (0..500)
            .map(|number| (Name::new("shop", &format!("key-{number}")), key.clone()))
            .collect();
        let mut scopes = Scopes::default();
        scopes.publish(
            Arc::new(Configuration {
                keys,
                ..Configuration::default()
            }),
            7,
        );
        scopes.scope("shop").unwrap()
    }

    #[test]
    fn parts_put_together_are_the_configuration_that_the_index_names() {
        let scope = scope();
        let secrets = pack_in(500, &scope, "PEM").unwrap();
        assert!(secrets.len() > 1, "the test wants several parts");
        let index = index(&secrets[0]).unwrap();
        assert_eq!(
            (
                index.version.clone(),
                index.ca_pem.as_str(),
                index.parts.len()
            ),
            (scope.version.clone(), "PEM", secrets.len())
        );
        let mut packed = Vec::new();
        for (number, (secret, hash)) in secrets.iter().zip(&index.parts).enumerate() {
            let part = &secret[&part_name(number)].0;
            assert_eq!(hex(&Sha256::digest(part)), *hash);
            packed.extend_from_slice(part);
        }
        let mut json = Vec::new();
        GzDecoder::new(packed.as_slice())
            .read_to_end(&mut json)
            .unwrap();
        assert_eq!(
            (
                json.len(),
                serde_json::from_slice::<Configuration>(&json).unwrap()
            ),
            (index.bytes, scope.configuration.clone())
        );
    }

    #[test]
    fn equal_scopes_give_equal_bytes() {
        assert_eq!(
            pack(&scope(), "PEM").unwrap(),
            pack(&scope(), "PEM").unwrap()
        );
    }

    #[test]
    fn what_needs_too_many_parts_is_refused() {
        assert!(matches!(
            pack_in(50, &scope(), ""),
            Err(Unfit::TooLarge { .. })
        ));
    }
}
