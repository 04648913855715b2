//! What a Secret may be used for, and what is in it. Used by `keys` (a key's value) and `credentials` (what is sent to a
//! provider). Messages name Secrets and data keys, never values.

use crate::address::Address;
use crate::fault::Fault;
use crate::{World, WorldSecret};
use purser_config::{Digest, Name, SecretText};
use purser_crds::{AcceptedReason, CREDENTIAL_LABEL, HOSTS_ANNOTATION};
use sha2::{Digest as _, Sha256};

const FEWEST_KEY_BYTES: usize = 20;
const MOST_KEY_BYTES: usize = 512;
const MOST_CREDENTIAL_BYTES: usize = 4_096;
const PREFIX_LETTERS: usize = 11;
/// Kinds of Secret that belong to the cluster; sending one to a provider would give the cluster away.
const NEVER_SENT: [&str; 2] = ["kubernetes.io/service-account-token", "kubernetes.io/tls"];

/// The digest of a key's value and what may be shown of it.
pub(crate) fn key_value(
    secret: &Name,
    data_key: &str,
    data: &WorldSecret,
) -> Result<(Digest, String), Fault> {
    let invalid = |message: String| Fault::new(AcceptedReason::SecretInvalid, message);
    // Its first letters would be shown, and whoever names it in an ApiKey need not be one who may read it.
    if is_credential(data) {
        let message = format!(
            "Secret {secret} is marked as a provider's credential, which is no key's value; name another Secret in secretName, or remove the label {CREDENTIAL_LABEL} if it is none"
        );
        return Err(Fault::new(AcceptedReason::CredentialNotAllowed, message));
    }
    let value = data.data.get(data_key).map(SecretText::reveal);
    let value = value.ok_or_else(|| invalid(format!("Secret {secret} has no data key {data_key}; add it, or delete the Secret and one will be made")))?;
    if !(FEWEST_KEY_BYTES..=MOST_KEY_BYTES).contains(&value.len()) {
        let message = format!(
            "the value at {data_key} in Secret {secret} has {} bytes, expected {FEWEST_KEY_BYTES} to {MOST_KEY_BYTES}; use a random one such as the operator makes",
            value.len()
        );
        return Err(invalid(message));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "the value at {data_key} in Secret {secret} holds a space, a line end or a letter outside ASCII, which no header can carry; write it without (printf, not echo)"
        );
        return Err(invalid(message));
    }
    let prefix = format!("{}…", &value[..PREFIX_LETTERS]);
    Ok((Digest(Sha256::digest(value.as_bytes()).into()), prefix))
}

/// A value that is sent to a provider, if its Secret allows that.
pub(crate) fn credential(
    world: &World,
    secret: &Name,
    data_key: &str,
    address: &Address,
) -> Result<SecretText, Fault> {
    let data = find(world, secret)?;
    let refused = |message: String| Err(Fault::new(AcceptedReason::CredentialNotAllowed, message));
    if NEVER_SENT.contains(&data.kind.as_str()) {
        return refused(format!(
            "Secret {secret} is of type {}, which is never sent to a provider; put the credential into an Opaque Secret",
            data.kind
        ));
    }
    if !is_credential(data) {
        return refused(format!(
            "Secret {secret} is not marked as a provider's credential; if it is one, add the label {CREDENTIAL_LABEL}: \"true\""
        ));
    }
    if let Some(hosts) = data.annotations.get(HOSTS_ANNOTATION)
        && !hosts.split(',').any(|host| names(host.trim(), address))
    {
        return refused(format!(
            "Secret {secret} may be sent to {hosts:?} only, and this channel calls {}; change baseURL, or the Secret's annotation {HOSTS_ANNOTATION}",
            address.authority()
        ));
    }
    let value = value_at(secret, data, data_key)?;
    let text = value.reveal();
    if !(1..=MOST_CREDENTIAL_BYTES).contains(&text.len())
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        || text.trim() != text
    {
        let message = format!(
            "the value at {data_key} in Secret {secret} is empty, longer than {MOST_CREDENTIAL_BYTES} bytes, or holds a line end or other characters that no header can carry; write it without (printf, not echo)"
        );
        return Err(Fault::new(AcceptedReason::SecretInvalid, message));
    }
    Ok(value.clone())
}

fn is_credential(data: &WorldSecret) -> bool {
    data.labels.get(CREDENTIAL_LABEL).map(String::as_str) == Some("true")
}

fn names(listed: &str, address: &Address) -> bool {
    let port = address
        .port
        .unwrap_or(if address.is_encrypted { 443 } else { 80 });
    listed.eq_ignore_ascii_case(&address.host)
        || listed.eq_ignore_ascii_case(&format!("{}:{port}", address.host))
}

/// PEM certificates of an authority. They are public, so no label is asked for; what is not public is refused.
pub(crate) fn certificates(world: &World, secret: &Name, data_key: &str) -> Result<String, Fault> {
    let text = value_at(secret, find(world, secret)?, data_key)?.reveal();
    if text.contains("PRIVATE KEY") {
        return Err(Fault::new(
            AcceptedReason::SecretInvalid,
            format!(
                "the value at {data_key} in Secret {secret} holds a private key; it must hold certificates only"
            ),
        ));
    }
    if !(text.contains("-----BEGIN CERTIFICATE-----") && text.contains("-----END CERTIFICATE-----"))
    {
        return Err(Fault::new(
            AcceptedReason::SecretInvalid,
            format!("the value at {data_key} in Secret {secret} holds no PEM certificate"),
        ));
    }
    Ok(text.to_owned())
}

fn find<'a>(world: &'a World, secret: &Name) -> Result<&'a WorldSecret, Fault> {
    world.secrets.get(secret).ok_or_else(|| {
        Fault::new(
            AcceptedReason::SecretNotFound,
            format!("Secret {secret} does not exist; create it"),
        )
    })
}

fn value_at<'a>(
    secret: &Name,
    data: &'a WorldSecret,
    data_key: &str,
) -> Result<&'a SecretText, Fault> {
    data.data.get(data_key).ok_or_else(|| Fault::new(AcceptedReason::SecretInvalid, format!("Secret {secret} has no data key {data_key}; add it, or name another in secretRef.key")))
}
