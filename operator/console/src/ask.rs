//! One call on its way: who asks, and what, as shapes. Made by `server`, read by calls. What does not fit a shape is told by field.

use crate::answer::{Failure, Page};
use crate::console::Console;
use crate::query;
use crate::who::{Caller, Person};
use bytes::Bytes;
use http::HeaderMap;
use purser_authority::ledger;
use purser_config::Name;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::sync::Arc;

/// What paging asks for at most.
const LARGEST_PAGE: u64 = 100;
const USUAL_PAGE: u64 = 10;

/// See the file's page.
pub(crate) struct Ask {
    pub(crate) console: Arc<Console>,
    pub(crate) caller: Caller,
    /// What stands in the path for `{id}`, decoded; empty where the path has none.
    pub(crate) id: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// From 1.
    pub(crate) page: u64,
    pub(crate) size: u64,
}

impl Paging {
    /// How many items are passed over.
    pub(crate) fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }

    /// The same part, as the ledger is asked for it.
    pub(crate) fn of_ledger(self) -> ledger::Paging {
        ledger::Paging {
            offset: self.offset(),
            limit: u32::try_from(self.size).unwrap_or(u32::MAX),
        }
    }

    /// This part of a whole list.
    pub(crate) fn cut<T>(self, items: Vec<T>) -> Page<T> {
        let total = items.len() as u64;
        let skip = usize::try_from(self.offset()).unwrap_or(usize::MAX);
        let take = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.page(items.into_iter().skip(skip).take(take).collect(), total)
    }

    /// A part that was cut elsewhere.
    pub(crate) fn page<T>(self, items: Vec<T>, total: u64) -> Page<T> {
        Page {
            page: self.page,
            page_size: self.size,
            total,
            items,
        }
    }
}

impl Ask {
    /// The query, as this shape; what it does not know is passed over, as are empty values.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        query::read(&self.query)
    }

    /// The body, as this shape.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            Category::Data => Failure::new(422, format!("the body does not fit: {error}")),
            _ => Failure::new(
                400,
                format!("the body is not JSON: {error}; send an object"),
            ),
        })
    }

    /// Which part of a list is asked for.
    pub(crate) fn paging(&self) -> Result<Paging, Failure> {
        let asked: query::Paging = self.query()?;
        let size = asked.page_size.or(asked.ps).or(asked.size);
        Ok(Paging {
            page: asked.p.unwrap_or(1).max(1),
            size: size
                .filter(|size| *size > 0)
                .unwrap_or(USUAL_PAGE)
                .min(LARGEST_PAGE),
        })
    }

    /// The person who asks; routes for people have one.
    pub(crate) fn person(&self) -> Result<&Person, Failure> {
        match &self.caller {
            Caller::Person(person) => Ok(person),
            _ => Err(Failure::new(401, "log in first")),
        }
    }

    /// The key that asks; routes for keys have one.
    pub(crate) fn key(&self) -> Result<&Name, Failure> {
        match &self.caller {
            Caller::Key(key) => Ok(key),
            _ => Err(Failure::new(401, "send an API key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_far_beyond_the_end_is_empty() {
        let paging = Paging {
            page: u64::MAX,
            size: 100,
        };
        let page = paging.cut(vec![1, 2, 3]);
        assert_eq!((page.total, page.items.len()), (3, 0));
    }
}
