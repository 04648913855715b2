//! Takes out of a provider's message what is ours and not the caller's: keys, account names, inner addresses.

use std::net::IpAddr;

const MASK: &str = "[redacted]";

/// What keys and account names begin with, and how much must follow for it to be one.
const TOKENS: [(&str, usize); 12] = [
    ("sk-", 8),
    ("sk_", 16),
    ("org-", 12),
    ("proj_", 8),
    ("sess-", 12),
    ("gsk_", 8),
    ("xai-", 12),
    ("pk-", 16),
    ("AIza", 16),
    ("hf_", 12),
    ("acct_", 8),
    ("user-", 20),
];

/// What is said before a key that no such beginning tells: xAI's own are shown by their ends, `up***56`.
const KEY_FOLLOWS: &str = "API key provided: ";
/// How many stars stand for what a provider hides of a key, and more.
const HIDDEN: &str = "***";

/// `text` without them, read until `most` bytes are written: cutting first could leave a part of a secret.
pub(super) fn redact(text: &str, most: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(most));
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next().filter(|_| clean.len() < most) {
        let at_start = !before.is_some_and(is_of_token);
        let secret = match at_start {
            true if clean.ends_with(KEY_FOLLOWS) => key_length(rest),
            true => secret_length(rest),
            false => None,
        };
        let length = secret.unwrap_or(first.len_utf8());
        let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        clean.push_str(if secret.is_some() { MASK } else { taken });
        before = taken.chars().next_back();
        rest = after;
    }
    clean
}

/// How long the secret is that `text` begins with.
fn secret_length(text: &str) -> Option<usize> {
    token_length(text).or_else(|| inner_url_length(text))
}

fn token_length(text: &str) -> Option<usize> {
    let known = TOKENS.iter().find_map(|(prefix, least)| {
        let tail = text.strip_prefix(prefix)?;
        let length = token_end(tail);
        let masked = tail.get(..length).is_some_and(|tail| tail.contains('*'));
        (masked || length >= *least).then_some(prefix.len() + length)
    });
    known.or_else(|| half_hidden_length(text))
}

/// Of a word whose ends are shown, or one of them: `up***56`, `****abcd`. Stars around a whole word are Markdown's.
fn half_hidden_length(text: &str) -> Option<usize> {
    let length = token_end(text);
    let word = text.get(..length)?;
    let (before, after) = word.split_once(HIDDEN)?;
    let after = after.trim_start_matches('*');
    let is_marked = before.is_empty() && after.ends_with('*');
    let shows = !before.is_empty() || !after.is_empty();
    (shows && !is_marked).then_some(length)
}

/// Of a key that is said to be one, whatever it is made of.
fn key_length(text: &str) -> Option<usize> {
    let ends = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '\\');
    let word = text.split(ends).next()?;
    let length = word.trim_end_matches(['.', ',', ';', ')']).len();
    (length > 0).then_some(length)
}

fn token_end(text: &str) -> usize {
    let of_token = |byte: &u8| is_of_token(char::from(*byte));
    text.bytes().take_while(of_token).count()
}

fn is_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '*')
}

fn inner_url_length(text: &str) -> Option<usize> {
    let scheme = [
        "http://", "https://", "ws://", "wss://", "grpc://", "tcp://",
    ];
    let scheme = scheme.iter().find(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    })?;
    let tail = text.get(scheme.len()..)?;
    let end = |stops: &[char]| {
        tail.find(|letter: char| letter.is_whitespace() || stops.contains(&letter))
            .unwrap_or(tail.len())
    };
    let authority = tail.get(..end(&['/', '?', '#', '"', '\'', '<', '>', ')', '`', ',', '\\']))?;
    // Only then looked for: a text of nothing but outer addresses must not be read once for each of them.
    is_inner(authority).then(|| scheme.len() + end(&['"', '\'', '<', '>', ')', '`', ',', '\\']))
}

/// Whether an authority is not one of the public internet, or holds a password.
fn is_inner(authority: &str) -> bool {
    if authority.contains('@') {
        return true;
    }
    let bracketed = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map(|(host, _)| host);
    let host = bracketed
        .unwrap_or_else(|| authority.split(':').next().unwrap_or_default())
        .trim_end_matches('.');
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => is_inner_name(&host.to_ascii_lowercase()),
    }
}

fn is_inner_name(host: &str) -> bool {
    let endings = [
        ".local",
        ".internal",
        ".svc",
        ".lan",
        ".corp",
        ".intra",
        ".home.arpa",
        ".localdomain",
        ".consul",
    ];
    !host.contains('.') || endings.iter().any(|ending| host.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn what_is_ours_is_masked() {
        for (text, clean) in [
            (
                "Incorrect API key provided: sk-proj-abc_DEF-123.",
                "Incorrect API key provided: [redacted].",
            ),
            ("key sk-ab***xy given", "key [redacted] given"),
            (
                "Incorrect API key provided: up***56. You can",
                "Incorrect API key provided: [redacted]. You can",
            ),
            (
                "Incorrect API key provided: id.secret. You can",
                "Incorrect API key provided: [redacted]. You can",
            ),
            (
                "api key: ****abcd is invalid",
                "api key: [redacted] is invalid",
            ),
            (
                "in organization org-AbCdEf0123456789 on tokens",
                "in organization [redacted] on tokens",
            ),
            ("project `proj_AbCdEf012345`", "project `[redacted]`"),
            (
                "at http://10.1.2.3:8000/v1/x, retry",
                "at [redacted], retry",
            ),
            (
                "(http://vllm.llm.svc.cluster.local:8000/v1)",
                "([redacted])",
            ),
            ("http://vllm/v1 failed", "[redacted] failed"),
            ("https://[fd00::1]:1/x", "[redacted]"),
            ("HTTPS://u:p@example.com/x", "[redacted]"),
        ] {
            assert_eq!(redact(text, 2_048), clean);
        }
    }

    #[test]
    fn what_is_the_callers_stays() {
        for text in [
            "task-1234567890 and risk-1234567890",
            "org-mode, sk-learn",
            "***so***, a ** b and ***",
            "no API key provided: ",
            "see https://platform.openai.com/docs/guides.",
            "image https://example.com/a.png at http://93.184.216.34/x",
            "naïve — 日本語",
            "",
        ] {
            assert_eq!(redact(text, 2_048), text);
        }
    }
}
