//! Takes out of a provider's message what is ours and not the caller's: keys, account names, inner addresses, and the addresses of people
//! and of an account's own hosts.

use std::net::IpAddr;

const MASK: &str = "[redacted]";

/// What keys and account names begin with, and how much must follow for it to be one.
const TOKENS: [(&str, usize); 14] = [
    ("sk-", 8),
    ("sk_", 16),
    ("org-", 12),
    ("proj_", 8),
    ("sess-", 12),
    ("gsk_", 8),
    ("xai-", 12),
    ("pk-", 16),
    ("AIza", 16),
    ("AQ.", 16),
    ("wrkspc_", 8),
    ("hf_", 12),
    ("acct_", 8),
    ("user-", 20),
];

/// What is said before a key that no such beginning tells: xAI's own are shown by their ends, `up***56`.
const KEY_FOLLOWS: [&str; 3] = ["API key provided: ", "?key=", "&key="];
/// What is said before the number of an account, whose digits or whose UUID follow.
const NUMBER_FOLLOWS: [&str; 7] = [
    "project ",
    "projects/",
    "project number ",
    "project_number:",
    "subscription ",
    "subscriptions/",
    "account ",
];
/// The fewest digits of such a number.
const LEAST_DIGITS: usize = 6;
/// Of the hosts of one account.
const OWN_HOSTS: [&str; 5] = [
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
    ".inference.ai.azure.com",
    ".azure-api.net",
];
/// The longest name of a host, and the longest of what stands before the `@` of an address, in bytes.
const LONGEST_HOST: usize = 253;
const LONGEST_PERSON: usize = 64;
/// How many stars stand for what a provider hides of a key, and more.
const HIDDEN: &str = "***";

/// `text` without them, read until `most` bytes are written: cutting first could leave a part of a secret.
pub(super) fn redact(text: &str, most: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(most));
    let mut rest = text;
    // Most texts have none of either, and are not looked through for them at each word.
    let (people, hosts) = (text.contains('@'), text.contains(".azure"));
    let mut before = None;
    while let Some(first) = rest.chars().next().filter(|_| clean.len() < most) {
        let at_start = !before.is_some_and(is_of_token);
        let number = || number_length(rest).filter(|_| follows(&clean, &NUMBER_FOLLOWS));
        let secret = match at_start {
            true if follows(&clean, &KEY_FOLLOWS) => key_length(rest),
            true => secret_length(rest)
                .or_else(number)
                .or_else(|| person_length(rest).filter(|_| people))
                .or_else(|| host_length(rest).filter(|_| hosts)),
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

fn follows(clean: &str, words: &[&str]) -> bool {
    words.iter().any(|words| clean.ends_with(words))
}

/// Of an account's number.
fn number_length(text: &str) -> Option<usize> {
    let length = token_end(text);
    let word = text.get(..length)?;
    let is_number = length >= LEAST_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = length == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    (is_number || is_uuid && word.split('-').all(hex)).then_some(length)
}

/// Of a person's address, or a service's: `purser@team-1234.iam.gserviceaccount.com`.
fn person_length(text: &str) -> Option<usize> {
    let of_person = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let person = text
        .bytes()
        .take(LONGEST_PERSON)
        .take_while(of_person)
        .count();
    let host = text.get(person..)?.strip_prefix('@')?;
    let host = host_end(host);
    (person > 0 && text.get(person + 1..person + 1 + host)?.contains('.'))
        .then_some(person + 1 + host)
}

/// Of the name of an account's own host.
fn host_length(text: &str) -> Option<usize> {
    let length = host_end(text);
    let host = text.get(..length)?;
    OWN_HOSTS
        .iter()
        .any(|end| host.ends_with(end))
        .then_some(length)
}

/// Where a host's name ends; a full stop after it is the sentence's.
fn host_end(text: &str) -> usize {
    let of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let length = text.bytes().take(LONGEST_HOST).take_while(of_host).count();
    text.get(..length)
        .map_or(0, |host| host.trim_end_matches('.').len())
}

/// Of a name of Amazon's, `arn:aws:…`, which has the number of the account in it.
fn arn_length(text: &str) -> Option<usize> {
    text.strip_prefix("arn:aws")?;
    key_length(text)
}

/// How long the secret is that `text` begins with.
fn secret_length(text: &str) -> Option<usize> {
    let known = token_length(text).or_else(|| arn_length(text));
    known.or_else(|| inner_url_length(text))
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
    let ends = |letter: char| {
        letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '\\' | '&' | '#')
    };
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
    let endings = endings.iter().chain(&OWN_HOSTS);
    let mut endings = endings.copied();
    !host.contains('.') || endings.any(|ending| host.ends_with(ending))
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
        ] {
            assert_eq!(redact(text, 2_048), clean);
        }
    }

    #[test]
    fn what_names_an_account_or_a_person_is_masked() {
        for (text, clean) in [
            (
                "Caller svc.one@team-1.iam.gserviceaccount.com lacks it.",
                "Caller [redacted] lacks it.",
            ),
            (
                "Generative API is off in project 482913301122; see",
                "Generative API is off in project [redacted]; see",
            ),
            (
                "consumer 'projects/482913301122'",
                "consumer 'projects/[redacted]'",
            ),
            ("project_number:482913301122", "project_number:[redacted]"),
            ("in workspace wrkspc_01AbCdEfGh", "in workspace [redacted]"),
            ("host acme-eu.openai.azure.com.", "host [redacted]."),
            (
                "at https://acme-eu.openai.azure.com/openai/x now",
                "at [redacted] now",
            ),
            (
                "subscription 6f9619ff-8b86-d011-b42d-00cf4fc964ff is off",
                "subscription [redacted] is off",
            ),
            (
                "for arn:aws:bedrock:us-east-1:123456789012:model/x, retry",
                "for [redacted], retry",
            ),
            (
                "token AQ.Ab8RN6I_long-enough-1 is bad",
                "token [redacted] is bad",
            ),
            (
                "GET https://generativelanguage.googleapis.com/v1?key=abcdef&x=1",
                "GET https://generativelanguage.googleapis.com/v1?key=[redacted]&x=1",
            ),
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
            "a project 12345 of subscription plans, 1234567890 tokens",
            "@mention and a @ b, see azure.com.azure",
            "id 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "Q&A: keys & locks",
            "",
        ] {
            assert_eq!(redact(text, 2_048), text);
        }
    }
}
