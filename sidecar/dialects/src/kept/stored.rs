//! What can be asked of an answer that its provider keeps: to read it, its input, to cancel it, to delete it. Part of `kept`.
//!
//! Called for a path, and for where it lies at the provider. Must never let an id or a query leave its place in the address.

use super::{Kept, parted, plain};

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The answer, whole or once more as a stream.
    Read,
    /// That it be kept no longer.
    Delete,
    /// That it be written no further.
    Cancel,
    /// What it answers.
    Items,
}

impl Act {
    /// The method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            Act::Read | Act::Items => "GET",
            Act::Delete => "DELETE",
            Act::Cancel => "POST",
        }
    }
}

/// One answer that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What is asked of it.
    pub act: Act,
    /// The provider's id.
    pub id: String,
    /// Whose it is, where it came through here.
    pub seal: Option<String>,
    /// What the caller says beside.
    pub query: String,
}

/// What a caller may say beside, as OpenAI's API has it. Anything else is not passed on: some say a key there.
const SAID: [&str; 10] = [
    "include",
    "include[]",
    "include%5B%5D",
    "stream",
    "starting_after",
    "include_obfuscation",
    "after",
    "before",
    "limit",
    "order",
];

impl Stored {
    /// What a method asks of the path `/v1/responses/…`; else the methods that ask for something there. None: there is no such path.
    pub(crate) fn of(
        method: &str,
        id: String,
        below: &[&str],
    ) -> Option<Result<Stored, &'static str>> {
        let (act, allow) = match (below, method) {
            ([], "GET") => (Some(Act::Read), ""),
            ([], "DELETE") => (Some(Act::Delete), ""),
            ([], _) => (None, "GET, DELETE"),
            (["cancel"], _) => (
                Some(Act::Cancel).filter(|act| act.method() == method),
                "POST",
            ),
            (["input_items"], _) => (Some(Act::Items).filter(|act| act.method() == method), "GET"),
            _ => return None,
        };
        // Calls of other kinds.
        let (id, seal) = parted(plain(id)?);
        let is_call = seal.is_none() && matches!(id.as_str(), "input_tokens" | "compact");
        let stored = act.map(|act| Stored {
            act,
            id,
            seal,
            query: String::new(),
        });
        (!is_call).then_some(stored.ok_or(allow))
    }

    /// With what of a query may be passed on.
    pub fn with_query(mut self, query: &str) -> Stored {
        let said = query.split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            SAID.contains(&name)
        });
        self.query = said.collect::<Vec<_>>().join("&");
        self
    }

    /// Whether a stream is asked for.
    pub fn streams(&self) -> bool {
        self.act == Act::Read && self.query.split('&').any(|pair| pair == "stream=true")
    }

    /// What is named, as a request names it.
    pub fn kept(&self) -> Kept {
        Kept {
            param: "response_id",
            id: self.id.clone(),
            seal: self.seal.clone(),
            span: None,
        }
    }

    /// Where it lies, below the place of all answers, of which `responses` is the path with its query.
    pub fn below(&self, responses: &str) -> String {
        let (path, query) = responses.split_once('?').unwrap_or((responses, ""));
        let end = match self.act {
            Act::Read | Act::Delete => "",
            Act::Cancel => "/cancel",
            Act::Items => "/input_items",
        };
        let queries = [query, &self.query].into_iter();
        let queries: Vec<&str> = queries.filter(|query| !query.is_empty()).collect();
        let mark = if queries.is_empty() { "" } else { "?" };
        format!("{path}/{}{end}{mark}{}", self.id, queries.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, id: &str, below: &[&str]) -> Option<Result<Stored, &'static str>> {
        Stored::of(method, id.to_owned(), below)
    }

    #[test]
    fn an_answer_lies_below_the_place_of_all() {
        let below = |stored: Stored| {
            stored
                .with_query("key=x&include[]=a&stream=true&limit=2")
                .below("/responses")
        };
        let read = asked("GET", "resp_1_px0123456789abcdef", &[])
            .unwrap()
            .unwrap();
        assert_eq!(read.seal.as_deref(), Some("0123456789abcdef"));
        assert!(read.clone().with_query("stream=true").streams());
        assert_eq!(
            below(read.clone()),
            "/responses/resp_1?include[]=a&stream=true&limit=2"
        );
        let items = asked("GET", "resp_1", &["input_items"]).unwrap().unwrap();
        assert_eq!(
            items.below("/openai/responses?api-version=1"),
            "/openai/responses/resp_1/input_items?api-version=1"
        );
        assert_eq!(
            asked("POST", "resp_1", &["cancel"])
                .unwrap()
                .unwrap()
                .below("/responses"),
            "/responses/resp_1/cancel"
        );
    }

    #[test]
    fn other_methods_and_other_paths_are_told_apart() {
        assert_eq!(asked("PUT", "resp_1", &[]), Some(Err("GET, DELETE")));
        assert_eq!(asked("GET", "resp_1", &["cancel"]), Some(Err("POST")));
        assert_eq!(
            asked("DELETE", "resp_1", &["input_items"]),
            Some(Err("GET"))
        );
        for (id, below) in [
            ("resp_1", "other"),
            ("a/../b", "cancel"),
            ("a?b", "cancel"),
            ("", "cancel"),
        ] {
            assert_eq!(asked("POST", id, &[below]), None, "{id} {below}");
        }
        assert_eq!(asked("POST", "input_tokens", &[]), None);
    }
}
