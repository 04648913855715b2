//! Who a provider says that somebody is: from the claims of an ID token and, where these lack a name or groups, of its user info. Pure.
//! Somebody is known again by issuer and subject alone: a name can be chosen, and an address given to somebody else.

use crate::secret;
use serde_json::{Map, Value};

/// How it is told apart from a password's string, where a user has neither.
const MARK: &str = "oidc:";
/// The most groups that are looked at.
const MOST_GROUPS: usize = 10_000;

/// Somebody, as their provider knows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// For ever theirs, and nobody else's; stands where a user's password would.
    pub(crate) mark: String,
    /// What they would be called here.
    pub(crate) names: Vec<String>,
    /// A name for people.
    pub(crate) display_name: Option<String>,
    /// Where they belong.
    pub(crate) groups: Vec<String>,
}

/// Whether a user signs in with a provider, by what stands where a password would.
pub(crate) fn is_mark(password: &str) -> bool {
    password.starts_with(MARK)
}

impl Who {
    /// Somebody whose claims these are. An address counts only where the provider has verified it.
    pub(crate) fn of(
        (issuer, subject): (&str, &str),
        claims: &Map<String, Value>,
        groups_claim: &str,
    ) -> Self {
        let digest = secret::digest(&format!("{issuer}\n{subject}"));
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let verified = claims.get("email_verified") == Some(&Value::Bool(true));
        let email = text("email").filter(|_| verified);
        let names = [text("preferred_username"), email, Some(unnamed(&digest))];
        Who {
            names: names.into_iter().flatten().collect(),
            display_name: text("name").or_else(|| text("preferred_username")),
            groups: groups(claims, groups_claim).unwrap_or_default(),
            mark: format!("{MARK}{digest}"),
        }
    }
}

/// Whether these claims are enough to know who somebody is here.
pub(super) fn are_enough(claims: &Map<String, Value>, groups_claim: &str) -> bool {
    claims.contains_key("preferred_username") && groups(claims, groups_claim).is_some()
}

/// A name that nobody chooses.
fn unnamed(digest: &str) -> String {
    format!("oidc-{}", digest.get(..12).unwrap_or(digest))
}

fn groups(claims: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
    let found = claims.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        let inside = claims.get(first)?;
        rest.split('.')
            .try_fold(inside, |inside, name| inside.get(name))
    })?;
    match found {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => {
            let names = many.iter().take(MOST_GROUPS).filter_map(Value::as_str);
            Some(names.map(str::to_owned).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn who(claims: Value, groups_claim: &str) -> Who {
        Who::of(
            ("https://a", "1"),
            claims.as_object().unwrap(),
            groups_claim,
        )
    }

    #[test]
    fn somebody_is_known_by_issuer_and_subject_and_by_nothing_else() {
        let claims = json!({"preferred_username": "lee"});
        let claims = claims.as_object().unwrap();
        let mark = |issuer, subject| Who::of((issuer, subject), claims, "groups").mark;
        assert_eq!(mark("https://a", "1"), who(json!({}), "groups").mark);
        assert_ne!(mark("https://a", "1"), mark("https://a", "2"));
        assert_ne!(mark("https://a", "1"), mark("https://b", "1"));
        assert!(is_mark(&mark("https://a", "1")) && !is_mark("$argon2id$v=19$"));
    }

    #[test]
    fn an_address_is_a_name_only_where_it_is_verified() {
        let of = |verified: Value| {
            let claims = json!({"email": "lee@x.example", "email_verified": verified});
            who(claims, "groups").names.len()
        };
        assert_eq!(
            (of(json!(true)), of(json!("true")), of(json!(false))),
            (2, 1, 1)
        );
    }

    #[test]
    fn groups_are_a_list_or_one_and_may_lie_inside_another_claim() {
        let keycloak = json!({"realm_access": {"roles": ["a", 1, "b"]}, "a.b": "whole"});
        assert_eq!(
            who(keycloak.clone(), "realm_access.roles").groups,
            ["a", "b"]
        );
        assert_eq!(who(keycloak.clone(), "a.b").groups, ["whole"]);
        assert!(who(keycloak, "groups").groups.is_empty());
        let claims = json!({"preferred_username": "lee", "groups": []});
        assert!(are_enough(claims.as_object().unwrap(), "groups"));
        assert!(!are_enough(claims.as_object().unwrap(), "roles"));
    }
}
