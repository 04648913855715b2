//! Looks into what a caller wrote, and can say of each value where it stands: `messages[3].content[0].text is a number, …`.
//!
//! Called by readers of requests. Nothing is built that is not asked for: values are slices of the body. `null` is as good as
//! absent, everywhere. Must never recurse.

use super::{decode, name};
use crate::translate::AskFault;
use crate::walk::Walk;
use serde_json::Number;
use serde_json::value::RawValue;
use std::fmt;

/// What is wrong with a text of which an escape cannot be read, although the body is JSON by its grammar (RFC 8259, 8.2).
pub(crate) const HALF: &str = "has a \\u escape that is no character: it is half of a surrogate pair, and both must stand there";

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a, 'p> {
    text: &'a str,
    at: At<'p>,
}

/// The way to a value, from within.
#[derive(Clone, Copy)]
enum At<'p> {
    Body,
    Member(&'p At<'p>, &'p str),
    Element(&'p At<'p>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Body => Ok(()),
            At::Member(At::Body, name) => f.write_str(name),
            At::Member(above, name) => write!(f, "{above}.{name}"),
            At::Element(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

type Found<T> = Result<T, AskFault>;

impl<'a> Look<'a, '_> {
    /// At a whole body.
    pub(crate) fn body(body: &'a [u8]) -> Found<Look<'a, 'static>> {
        let at = At::Body;
        match std::str::from_utf8(body) {
            Ok(text) => Ok(Look { text, at }),
            Err(_) => Err(Look { text: "", at }.not_json()),
        }
    }

    /// Each member of an object. What is `null` is not one.
    pub(crate) fn members(
        &self,
        mut each: impl FnMut(&str, Look<'a, '_>) -> Found<()>,
    ) -> Found<()> {
        let mut walk =
            Walk::open(self.text.as_bytes(), b'{').map_err(|_| self.is_not("an object"))?;
        while let Some((spelt, value)) = walk.member().map_err(|_| self.not_json())? {
            let name = name(self.text, spelt).map_err(|_| self.half())?;
            let text = self.text.get(value).unwrap_or_default();
            if text != "null" {
                let at = At::Member(&self.at, &name);
                each(&name, Look { text, at })?;
            }
        }
        walk.end().map_err(|_| self.not_json())
    }

    /// Each element of an array.
    pub(crate) fn elements(&self, mut each: impl FnMut(Look<'a, '_>) -> Found<()>) -> Found<()> {
        let mut walk =
            Walk::open(self.text.as_bytes(), b'[').map_err(|_| self.is_not("an array"))?;
        let mut index = 0;
        while let Some(value) = walk.element().map_err(|_| self.not_json())? {
            let text = self.text.get(value).unwrap_or_default();
            let at = At::Element(&self.at, index);
            each(Look { text, at })?;
            index += 1;
        }
        Ok(())
    }

    /// The same, where an object that stands alone is a list of one.
    pub(crate) fn elements_or_one(
        &self,
        mut each: impl FnMut(Look<'a, '_>) -> Found<()>,
    ) -> Found<()> {
        if !self.is_object() {
            return self.elements(each);
        }
        let at = At::Element(&self.at, 0);
        each(Look {
            text: self.text,
            at,
        })
    }

    /// The JSON itself.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn raw(&self) -> Found<Box<RawValue>> {
        RawValue::from_string(self.text.to_owned()).map_err(|_| self.not_json())
    }

    pub(crate) fn is_string(&self) -> bool {
        self.text.starts_with('"')
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    pub(crate) fn string(&self) -> Found<String> {
        match self.is_string() {
            // The body has been walked: only what an escape means can still be wrong.
            true => decode(self.text).map_err(|_| self.half()),
            false => Err(self.is_not("a string")),
        }
    }

    pub(crate) fn boolean(&self) -> Found<bool> {
        match self.text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.is_not("a boolean")),
        }
    }

    pub(crate) fn number(&self) -> Found<Number> {
        serde_json::from_str(self.text).map_err(|_| self.is_not("a number"))
    }

    /// Not negative; `12.0` is one too.
    pub(crate) fn whole(&self) -> Found<u64> {
        super::number(Some(self.text)).ok_or_else(|| self.is_not("a whole number"))
    }

    pub(crate) fn integer(&self) -> Found<i64> {
        self.text.parse().map_err(|_| self.is_not("a whole number"))
    }

    /// A number, but for what the API takes when nothing is said.
    pub(crate) fn unless(&self, default: f64) -> Found<Option<Number>> {
        let number = self.number()?;
        Ok((number.as_f64() != Some(default)).then_some(number))
    }

    /// Where it stands, as the caller would look for it.
    pub(crate) fn path(&self) -> String {
        self.at.to_string()
    }

    /// It is something else than `expected`.
    pub(crate) fn is_not(&self, expected: &str) -> AskFault {
        let found = match self.text.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            Some(_) => "a number",
            None => "nothing",
        };
        self.fault(format!("{} is {found}, expected {expected}", self.place()))
    }

    fn place(&self) -> String {
        match self.at {
            At::Body => "the body".to_owned(),
            at => at.to_string(),
        }
    }

    /// Its value is none of those that are known.
    pub(crate) fn is_none_of(&self, known: &str) -> AskFault {
        let text = self.text.get(..self.text.floor_char_boundary(60));
        let (at, text) = (self.at, text.unwrap_or_default());
        self.fault(format!("{at} is {text}, expected {known}"))
    }

    /// Without `member` it says nothing.
    pub(crate) fn lacks(&self, member: &str) -> AskFault {
        let param = At::Member(&self.at, member).to_string();
        AskFault {
            message: format!("{param} is missing"),
            param: Some(param),
        }
    }

    pub(crate) fn fault(&self, message: String) -> AskFault {
        let path = self.path();
        AskFault {
            param: (!path.is_empty()).then_some(path),
            message,
        }
    }

    /// A text has an escape that is no letter.
    fn half(&self) -> AskFault {
        self.fault(format!("{} {HALF}", self.place()))
    }

    fn not_json(&self) -> AskFault {
        self.fault("the body is not JSON".into())
    }
}
