//! Leaves of the operator's CA: the stream's, and those that the shared gateway shows its callers. Part of `certificate`; pure but for the
//! keys that it draws.

use super::authority::{Pair, ca_params, moment};
use super::{Failure, TURNS};
use purser_config::SecretText;
use purser_config::stream;
use rcgen::{Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use std::time::Duration;

/// When a leaf is made, in unix seconds, and for how long it is good.
type Span = (u64, Duration);

/// The stream's, as the TLS server presents it.
pub(super) fn own(authority: &Pair, names: &[String], span: Span) -> Result<CertifiedKey, Failure> {
    let (certificate, key) = signed(authority, names, ("purser operator", span))?;
    let key = rustls::crypto::ring::sign::any_supported_type(&PrivateKeyDer::from(key))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// The gateway's, as it is told. It asks for the next one as often as the stream's own is replaced, so that both keep pace with a new CA.
pub(super) fn gateways(
    authority: &Pair,
    names: &[String],
    span: Span,
) -> Result<stream::Certificate, Failure> {
    let (certificate, key) = signed(authority, names, ("purser gateway", span))?;
    Ok(stream::Certificate {
        chain_pem: certificate.pem(),
        key_pem: SecretText::new(key.serialize_pem()),
        renew_after_ms: u64::try_from((span.1 / TURNS).as_millis()).unwrap_or(u64::MAX),
    })
}

fn signed(
    authority: &Pair,
    names: &[String],
    (common, (now, life)): (&str, Span),
) -> Result<(Certificate, KeyPair), Failure> {
    let issuer = Issuer::new(
        ca_params(authority.made),
        KeyPair::from_pem(&authority.key)?,
    );
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, common);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = moment(now.saturating_sub(3_600)).into();
    params.not_after = moment(now + life.as_secs()).into();
    Ok((params.signed_by(&key, &issuer)?, key))
}
