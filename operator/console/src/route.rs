//! What one route is: its method and path, who may call it, the shapes of what goes in and out, and the call. `routes` has the table.

use crate::answer::Outcome;
use crate::ask::Ask;
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::pin::Pin;

/// What answers.
pub(crate) type Call = fn(Ask) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;
/// A shape as JSON Schema.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everybody.
    Anyone,
    /// An API key, as `Authorization: Bearer`.
    Key,
    /// Whoever signs what is sent; the call checks it.
    Signature,
    /// Whoever is logged in.
    Session,
    /// Whoever is logged in and is no viewer; the call looks at the namespace. Of a Kubernetes token RBAC says it, in `Ask::write`.
    Writer,
    /// Administrators who are users here.
    Administrator,
    /// The same, and Kubernetes tokens: of these RBAC says it, in `Ask::write`.
    AdministratorOrRbac,
}

/// In what an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    /// `{success, message, data}`.
    Envelope,
    /// As it is.
    Bare,
}

/// See the file's page.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Without the last slash; with at most one `{…}`.
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    /// One line for people.
    pub(crate) what: &'static str,
    pub(crate) call: Call,
    pub(crate) query: Vec<Shape>,
    pub(crate) body: Option<Shape>,
    pub(crate) may_lack_body: bool,
    pub(crate) data: Option<Shape>,
    pub(crate) wrap: Wrap,
}

impl Route {
    /// A route without shapes.
    pub(crate) fn new(
        (method, path): (Method, &'static str),
        who: Who,
        what: &'static str,
        call: Call,
    ) -> Self {
        Route {
            method,
            path,
            who,
            what,
            call,
            query: Vec::new(),
            body: None,
            may_lack_body: false,
            data: None,
            wrap: Wrap::Envelope,
        }
    }

    /// With these names in its query.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query.push(shape::<T>);
        self
    }

    /// With this body.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(shape::<T>);
        self
    }

    /// With this body, or none.
    pub(crate) fn optional_body<T: JsonSchema>(mut self) -> Self {
        self.may_lack_body = true;
        self.body::<T>()
    }

    /// With this as `data`.
    pub(crate) fn data<T: JsonSchema>(mut self) -> Self {
        self.data = Some(shape::<T>);
        self
    }

    /// Without the envelope.
    pub(crate) fn bare(mut self) -> Self {
        self.wrap = Wrap::Bare;
        self
    }

    /// Whether this path is meant, and what stands in it for `{…}`, not yet decoded.
    pub(crate) fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some((before, after)) = self.path.split_once('{') else {
            return (self.path == path).then_some("");
        };
        let after = after.split_once('}').map_or("", |(_, after)| after);
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && !id.contains('/')).then_some(id)
    }
}

fn shape<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}
