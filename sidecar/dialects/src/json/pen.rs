//! Writes JSON member by member, in order, straight to bytes. Called by writers of requests and answers. Must never need the whole
//! of what it writes.

use serde::Serialize;

/// An object being written; it ends with its scope.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

/// An array being written; it ends with its scope.
pub(crate) struct List<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

/// Strings and numbers always serialise.
pub(crate) fn value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.extend_from_slice(b"null");
    }
}

impl<'o> Object<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        Object { out, first: true }
    }

    /// Names are ours, and plain: none needs an escape.
    fn name(&mut self, name: &str) {
        let opening: &[u8] = if self.first { b"\"" } else { b",\"" };
        self.first = false;
        self.out.extend_from_slice(opening);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub(crate) fn member(&mut self, name: &str, is: &(impl Serialize + ?Sized)) {
        self.name(name);
        value(self.out, is);
    }

    /// Left out where there is none.
    pub(crate) fn some(&mut self, name: &str, is: Option<&(impl Serialize + ?Sized)>) {
        if let Some(is) = is {
            self.member(name, is);
        }
    }

    /// What is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(crate) fn object(&mut self, name: &str) -> Object<'_> {
        self.name(name);
        Object::open(self.out)
    }

    pub(crate) fn list(&mut self, name: &str) -> List<'_> {
        self.name(name);
        List::open(self.out)
    }
}

impl<'o> List<'o> {
    pub(crate) fn open(out: &'o mut Vec<u8>) -> List<'o> {
        out.push(b'[');
        List { out, first: true }
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first
    }

    pub(crate) fn object(&mut self) -> Object<'_> {
        self.next();
        Object::open(self.out)
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.out.push(b'}');
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        self.out.push(b']');
    }
}
