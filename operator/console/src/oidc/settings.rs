//! What is set up for signing in: which provider, as which client, and what its groups may do here. Read from the command line of
//! whoever serves a console. A person of no group that is named sees nothing.

use crate::outward::web_address;
use http::Uri;
use purser_authority::ledger::Role;

/// The command line's part.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OidcArgs {
    /// The OpenID Connect provider with which people sign in at the console: its issuer, as https://login.example/realms/house.
    #[arg(
        long,
        env = "PURSER_OIDC_ISSUER",
        value_name = "URL",
        requires = "oidc_client_id",
        requires = "oidc_redirect"
    )]
    pub oidc_issuer: Option<String>,
    /// As which client this console is known there.
    #[arg(long, env = "PURSER_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// The client's secret; a public client has none.
    #[arg(long, env = "PURSER_OIDC_SECRET", hide_env_values = true)]
    pub oidc_secret: Option<String>,
    /// The console's address as browsers see it, with its last slash; the provider must know it as redirect URL.
    #[arg(long, env = "PURSER_OIDC_REDIRECT", value_name = "URL")]
    pub oidc_redirect: Option<String>,
    /// What the button says after "Sign in with"; the issuer's host when absent.
    #[arg(long, env = "PURSER_OIDC_NAME")]
    pub oidc_name: Option<String>,
    /// What is asked for beside openid (comma-separated or repeated).
    #[arg(
        long = "oidc-scope",
        env = "PURSER_OIDC_SCOPES",
        value_name = "SCOPE",
        value_delimiter = ',',
        default_value = "profile,email"
    )]
    pub oidc_scopes: Vec<String>,
    /// The claim that lists a person's groups; with dots: inside others, as realm_access.roles.
    #[arg(long, env = "PURSER_OIDC_GROUPS_CLAIM", default_value = "groups")]
    pub oidc_groups_claim: String,
    /// What a group may do: GROUP=administrator, GROUP=team:NAMESPACE,NAMESPACE or GROUP=viewer:NAMESPACE, where * is all (separated by
    /// semicolons or repeated). Of several the highest role counts, with its own namespaces; a person of none sees nothing.
    #[arg(
        long = "oidc-grant",
        env = "PURSER_OIDC_GRANTS",
        value_name = "GROUP=ROLE",
        value_delimiter = ';'
    )]
    pub oidc_grants: Vec<String>,
}

/// See the file's page.
#[derive(Clone)]
pub struct Settings {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect: Uri,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) groups_claim: String,
    grants: Vec<Grant>,
}

/// What a group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    group: String,
    role: Role,
    namespaces: Vec<String>,
}

impl OidcArgs {
    /// What they say; none: nobody signs in so.
    ///
    /// # Errors
    /// What of it makes no sense.
    pub fn settings(&self) -> Result<Option<Settings>, String> {
        let (Some(issuer), Some(client_id), Some(redirect)) =
            (&self.oidc_issuer, &self.oidc_client_id, &self.oidc_redirect)
        else {
            return Ok(None);
        };
        let host = private(issuer).map_err(|error| format!("--oidc-issuer: {error}"))?;
        let redirect = private(redirect).map_err(|error| format!("--oidc-redirect: {error}"))?;
        let grants = self.oidc_grants.iter().filter(|text| !text.is_empty());
        let grants: Result<Vec<Grant>, String> = grants.map(|text| grant(text)).collect();
        let name = self.oidc_name.clone().filter(|name| !name.is_empty());
        Ok(Some(Settings {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            secret: self.oidc_secret.clone().filter(|secret| !secret.is_empty()),
            redirect,
            name: name.unwrap_or_else(|| host.host().unwrap_or_default().to_owned()),
            scopes: self.oidc_scopes.clone(),
            groups_claim: self.oidc_groups_claim.clone(),
            grants: grants?,
        }))
    }
}

impl Settings {
    /// What somebody of these groups may do, and where.
    pub(crate) fn granted(&self, groups: &[String]) -> (Role, Vec<String>) {
        let theirs = self.grants.iter().filter(|one| groups.contains(&one.group));
        let theirs: Vec<&Grant> = theirs.collect();
        let role = theirs.iter().map(|one| one.role).max();
        let role = role.unwrap_or(Role::Viewer);
        let highest = theirs.iter().filter(|one| one.role == role);
        let mut namespaces: Vec<String> = highest.flat_map(|one| one.namespaces.clone()).collect();
        namespaces.sort();
        namespaces.dedup();
        (role, namespaces)
    }

    /// Whether browsers reach the console by TLS.
    pub(crate) fn secure(&self) -> bool {
        self.redirect.scheme_str() == Some("https")
    }
}

/// An address to which codes and secrets may be sent: by TLS, or not beyond this machine.
fn private(text: &str) -> Result<Uri, String> {
    let uri = web_address(text)?;
    let host = uri.host().unwrap_or_default();
    let here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    match uri.scheme_str() == Some("https") || here {
        true => Ok(uri),
        false => Err(format!("{text:?} must begin with https://")),
    }
}

fn grant(text: &str) -> Result<Grant, String> {
    let wrong = || {
        format!(
            "--oidc-grant: {text:?} is not GROUP=administrator, GROUP=team:NAMESPACE,… or GROUP=viewer:NAMESPACE,…"
        )
    };
    let (group, role) = text.trim().rsplit_once('=').ok_or_else(wrong)?;
    let (role, namespaces) = role.split_once(':').unwrap_or((role, ""));
    let namespaces = namespaces.split(',').map(str::trim);
    let namespaces = namespaces.filter(|one| !one.is_empty()).map(str::to_owned);
    let namespaces: Vec<String> = namespaces.collect();
    let role = match role {
        "administrator" if namespaces.is_empty() => Role::Administrator,
        "team" if !namespaces.is_empty() => Role::Team,
        "viewer" if !namespaces.is_empty() => Role::Viewer,
        _ => return Err(wrong()),
    };
    let group = group.to_owned();
    (!group.is_empty())
        .then_some(Grant {
            group,
            role,
            namespaces,
        })
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(grants: &[&str]) -> Result<Option<Settings>, String> {
        OidcArgs {
            oidc_issuer: Some("https://login.example/house".into()),
            oidc_client_id: Some("purser".into()),
            oidc_redirect: Some("https://purser.example/".into()),
            oidc_grants: grants.iter().map(|&one| one.to_owned()).collect(),
            ..OidcArgs::default()
        }
        .settings()
    }

    fn granted(groups: &[&str]) -> (Role, Vec<String>) {
        let grants = [
            "ops=administrator",
            "cn=shop,dc=x=team:shop",
            "search=team:search",
            "all=viewer:*",
        ];
        let groups: Vec<String> = groups.iter().map(|&one| one.to_owned()).collect();
        settings(&grants).unwrap().unwrap().granted(&groups)
    }

    #[test]
    fn the_highest_role_counts_with_its_own_namespaces_and_who_has_none_sees_nothing() {
        assert_eq!(granted(&[]), (Role::Viewer, vec![]));
        assert_eq!(granted(&["Ops", "elsewhere"]), (Role::Viewer, vec![]));
        assert_eq!(granted(&["all"]), (Role::Viewer, vec!["*".to_owned()]));
        let both = granted(&["search", "cn=shop,dc=x", "all"]);
        assert_eq!(
            both,
            (Role::Team, vec!["search".to_owned(), "shop".to_owned()])
        );
        assert_eq!(granted(&["all", "ops"]).0, Role::Administrator);
    }

    #[test]
    fn what_would_grant_something_else_than_was_meant_is_refused_at_the_start() {
        for wrong in [
            "ops",
            "ops=",
            "=administrator",
            "ops=admin",
            "ops=team",
            "ops=administrator:shop",
        ] {
            assert!(settings(&[wrong]).is_err(), "{wrong}");
        }
        let over = |issuer: &str| OidcArgs {
            oidc_issuer: Some(issuer.into()),
            oidc_client_id: Some("purser".into()),
            oidc_redirect: Some("http://127.0.0.1:8088/".into()),
            ..OidcArgs::default()
        };
        assert!(
            over("http://login.example").settings().is_err(),
            "without TLS"
        );
        assert!(over("http://127.0.0.1:9").settings().is_ok());
        assert!(OidcArgs::default().settings().unwrap().is_none());
    }
}
