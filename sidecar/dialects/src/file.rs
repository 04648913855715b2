//! Files that a caller gives: what one is by its name, and how OpenAI's APIs spell its bytes.
//!
//! Called by the readers of requests, by those of chats' answers, and by `needs`, which looks for addresses. Must never take an address for bytes.

use crate::json::look::Look;
use crate::talk::Source;
use crate::translate::AskFault;

/// Where Google keeps what was uploaded with a key.
pub(crate) const GOOGLES_FILES: &str = "https://generativelanguage.googleapis.com/";

/// What a file is by the ending of its name or address.
pub(crate) fn guessed(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "md" => "text/markdown",
        "htm" | "html" => "text/html",
        "json" => "application/json",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => return None,
    })
}

/// Where an image of a provider's is.
pub(crate) fn shown_at(url: String) -> Source {
    of_data_url(&url).unwrap_or(Source::Url(url))
}

/// A `data:` URL, or another.
pub(crate) fn at(value: Look<'_, '_>) -> Result<Source, AskFault> {
    let url = value.string()?;
    if !url.starts_with("data:") {
        return Ok(Source::Url(url));
    }
    of_data_url(&url).ok_or_else(|| value.is_none_of("a data URL in base64"))
}

/// What a caller's `file_data` says, which is never an address (platform.openai.com/docs/api-reference/chat/create): the name that says
/// what it is may stand after it.
pub(crate) struct FileData {
    text: String,
    fault: AskFault,
}

impl FileData {
    pub(crate) fn read(value: Look<'_, '_>) -> Result<FileData, AskFault> {
        let fault = value.is_none_of("base64, or a data URL in base64");
        let text = value.string()?;
        Ok(FileData { text, fault })
    }

    pub(crate) fn source(self, name: Option<&str>) -> Result<Source, AskFault> {
        of_file_data(self.text, name).ok_or(self.fault)
    }
}

/// What a `data:` URL holds, where it is in base64.
fn of_data_url(url: &str) -> Option<Source> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?.split(';').next();
    Some(Source::Data {
        media_type: media_type.unwrap_or_default().to_owned(),
        data: data.to_owned(),
    })
}

/// What `file_data` holds: a data URL, or base64 of what the file's name says, else of a PDF. None: it is neither.
fn of_file_data(text: String, name: Option<&str>) -> Option<Source> {
    if !is_base64(&text) {
        return of_data_url(&text);
    }
    let media_type = name.and_then(guessed).unwrap_or("application/pdf");
    Some(Source::Data {
        media_type: media_type.to_owned(),
        data: text,
    })
}

/// Whether nothing stands in it but what base64 has, in either alphabet and in lines. No address that a server would open is such a text.
pub(crate) fn is_base64(text: &str) -> bool {
    let known = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n')
    };
    !text.is_empty() && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_data_is_a_data_url_or_base64_and_never_an_address() {
        let of = |text: &str, name| match of_file_data(text.to_owned(), name) {
            Some(Source::Data { media_type, data }) => Some((media_type, data)),
            _ => None,
        };
        let data = |media_type: &str, data: &str| Some((media_type.to_owned(), data.to_owned()));
        assert_eq!(of("JVBERi0=", None), data("application/pdf", "JVBERi0="));
        assert_eq!(of("YSxi", Some("a.CSV")), data("text/csv", "YSxi"));
        assert_eq!(
            of("data:text/plain;charset=utf-8;base64,YQ==", Some("a.pdf")),
            data("text/plain", "YQ==")
        );
        for text in [
            "http://169.254.169.254/x.pdf",
            "//10.0.0.1/x",
            "file:/etc/passwd",
            "data:text/plain,a",
            "",
        ] {
            assert_eq!(of(text, Some("x.pdf")), None, "{text}");
        }
    }
}
