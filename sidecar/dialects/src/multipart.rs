//! Reads from a form (`multipart/form-data`) what `scan` reads from JSON.
//!
//! Strict where forms are written strictly by every client we know: what two parsers could read differently is
//! refused, since the provider would then run another model than the one that was checked and paid for.

use crate::scan::{Member, Scan, ScanFault};
use memchr::memmem;

const MAX_HEADERS: usize = 8 << 10;
const MAX_BOUNDARY: usize = 70;

/// The boundary that a `content-type` names, if it is a form's.
pub fn boundary(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let good = (1..=MAX_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(allowed)
        && !boundary.ends_with(' ');
    good.then_some(boundary)
}

/// What the form says. Fields that are not read are not looked into; neither are files.
pub fn scan_multipart(body: &[u8], boundary: &str) -> Result<Scan, ScanFault> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(&delimiter);
    let opening = delimiter.as_bytes().get(2..).unwrap_or_default();
    let start = usize::from(body.starts_with(b"\r\n")) * 2;
    let mut at = match body.get(start..) {
        Some(rest) if rest.starts_with(opening) => start + opening.len(),
        _ => {
            return Err(ScanFault::NotMultipart(
                "it does not begin with its boundary",
            ));
        }
    };
    let (mut scan, mut seen) = (Scan::default(), Vec::new());
    loop {
        let Some(content) = after_delimiter(body, at)? else {
            return Ok(scan);
        };
        let (part, value_at) = headers(body, content)?;
        let rest = body.get(value_at..).unwrap_or_default();
        let length = finder.find(rest).ok_or(ScanFault::NotMultipart(
            "its last part does not end with the boundary",
        ))?;
        let value = rest.get(..length).unwrap_or_default();
        take(&mut scan, &mut seen, (&part, value, value_at))?;
        at = value_at + length + delimiter.len();
    }
}

/// Where the part after a delimiter begins; nothing after the last one.
fn after_delimiter(body: &[u8], at: usize) -> Result<Option<usize>, ScanFault> {
    let rest = body.get(at..).unwrap_or_default();
    if let Some(epilogue) = rest.strip_prefix(b"--") {
        let blank = epilogue
            .iter()
            .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        return if blank {
            Ok(None)
        } else {
            Err(ScanFault::NotMultipart("text follows its end"))
        };
    }
    let padding = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    match rest.get(padding..) {
        Some(line) if line.starts_with(b"\r\n") => Ok(Some(at + padding + 2)),
        _ => Err(ScanFault::NotMultipart(
            "a boundary is followed by other text",
        )),
    }
}

/// What the headers of a part say of it.
struct Part {
    name: String,
    is_file: bool,
}

fn headers(body: &[u8], at: usize) -> Result<(Part, usize), ScanFault> {
    let rest = body.get(at..).unwrap_or_default();
    let window = rest.get(..rest.len().min(MAX_HEADERS)).unwrap_or_default();
    let end = memmem::find(window, b"\r\n\r\n").ok_or(ScanFault::NotMultipart(
        "a part's headers do not end within 8 KiB",
    ))?;
    let text = std::str::from_utf8(window.get(..end).unwrap_or_default());
    let text = text.map_err(|_| ScanFault::NotMultipart("a part's headers are not UTF-8"))?;
    let mut part = None;
    for line in text.split("\r\n") {
        let (name, value) = line
            .split_once(':')
            .ok_or(ScanFault::NotMultipart("a part's header has no colon"))?;
        if line.starts_with([' ', '\t'])
            || line.starts_with("--")
            || name.ends_with([' ', '\t'])
            || line.contains(['\r', '\n', '\0'])
        {
            return Err(ScanFault::NotMultipart(
                "a part's header is folded, or has stray spaces, dashes or line breaks",
            ));
        }
        if name.eq_ignore_ascii_case("content-disposition") {
            let first = part.replace(disposition(value)?).is_none();
            first.then_some(()).ok_or(ScanFault::NotMultipart(
                "a part has two Content-Disposition headers",
            ))?;
        }
        if name.eq_ignore_ascii_case("content-transfer-encoding") {
            check_encoding(value)?;
        }
    }
    let part = part.ok_or(ScanFault::NotMultipart(
        "a part has no Content-Disposition header",
    ))?;
    Ok((part, at + end + 4))
}

/// Some parsers decode base64 here and some do not.
fn check_encoding(value: &str) -> Result<(), ScanFault> {
    let plain = ["binary", "7bit", "8bit"]
        .iter()
        .any(|known| value.trim().eq_ignore_ascii_case(known));
    if plain {
        Ok(())
    } else {
        Err(ScanFault::NotMultipart(
            "a part has a Content-Transfer-Encoding",
        ))
    }
}

fn disposition(value: &str) -> Result<Part, ScanFault> {
    let unclear = || {
        ScanFault::NotMultipart("a part has no Content-Disposition: form-data with one plain name")
    };
    let (kind, parameters) = value.split_once(';').ok_or_else(unclear)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(unclear());
    }
    let parameters: Vec<_> = parse_parameters(parameters).ok_or_else(unclear)?;
    let has = |wanted: &str| {
        parameters
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .count()
    };
    if has("name") != 1 || has("name*") != 0 {
        return Err(unclear());
    }
    let is_file = has("filename") + has("filename*") > 0;
    let name = parameters
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("name"));
    match name {
        Some((_, name)) if !name.contains('\\') => Ok(Part { name, is_file }),
        _ => Err(unclear()),
    }
}

/// The only parameter of that name.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut values = parse_parameters(text)?
        .into_iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// `a=b; c="d"`. A backslash in quotes is kept together with what it escapes: clients do not agree on it.
fn parse_parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => split_quoted(quoted)?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        parameters.push((name.trim().to_owned(), value.trim_end().to_owned()));
        let after = after.trim_start();
        rest = match after.strip_prefix(';') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => "",
            None => return None,
        };
    }
    Some(parameters)
}

fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// One part: what it is, its value, and where that stands.
type Found<'a> = (&'a Part, &'a [u8], usize);

fn take(
    scan: &mut Scan,
    seen: &mut Vec<String>,
    (part, value, at): Found<'_>,
) -> Result<(), ScanFault> {
    let name = part.name.as_str();
    if !matches!(name, "model" | "stream" | "user" | "prompt_cache_key" | "n") {
        return Ok(());
    }
    if seen.iter().any(|known| known == name) {
        return Err(ScanFault::Duplicate(name.to_owned()));
    }
    seen.push(name.to_owned());
    if part.is_file {
        return if name == "model" {
            Err(ScanFault::ModelNotString("a file"))
        } else {
            Ok(())
        };
    }
    let text =
        std::str::from_utf8(value).map_err(|_| ScanFault::NotMultipart("a field is not UTF-8"))?;
    match name {
        "model" => {
            scan.model = Some(Member {
                value: text.to_owned(),
                span: at..at + value.len(),
            })
        }
        "stream" => scan.stream = stream(text)?,
        "user" => scan.user = Some(text.to_owned()),
        "prompt_cache_key" => scan.prompt_cache_key = Some(text.to_owned()),
        _ => scan.n = text.parse().ok(),
    }
    Ok(())
}

fn stream(text: &str) -> Result<bool, ScanFault> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(ScanFault::WrongType {
            member: "stream",
            expected: "true or false",
            found: "another text",
        }),
    }
}
