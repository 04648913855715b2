//! An error within a stream, as callers get it. Called by writers of streams. Must never pass on what
//! is ours and not the caller's: the message is cleaned as one of a whole answer is.

use crate::talk::Piece;
use crate::{Dialect, ErrorBody, render_event, upstream_error};

/// The event for a caller of that dialect.
pub(crate) fn write(dialect: Dialect, error: &Piece, request_id: &str) -> Vec<u8> {
    let Piece::Error {
        status,
        code,
        kind,
        message,
    } = error
    else {
        return Vec::new();
    };
    let clean = |text: &Option<String>| text.as_deref().map(upstream_error::clean);
    let (code, kind) = (clean(code), clean(kind));
    let message = self::message(message);
    render_event(
        dialect,
        &ErrorBody {
            status: status.filter(|status| *status >= 400).unwrap_or(502),
            kind: kind.as_deref().unwrap_or("server_error"),
            code: code.as_deref(),
            param: None,
            message: &message,
            request_id,
        },
    )
}

/// What it says, cleaned; something, where it says nothing.
pub(crate) fn message(said: &str) -> String {
    match upstream_error::clean(said) {
        message if message.trim().is_empty() => "The provider broke off its answer.".to_owned(),
        message => message,
    }
}
