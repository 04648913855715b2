//! Queries as shapes. Used by `ask`. An empty value is no value, as the forms of other consoles send them.

use crate::answer::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Which part of a list; `page_size`, `ps` and `size` are one.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Paging {
    /// The page, from 1; 0 is 1.
    pub(crate) p: Option<u64>,
    /// Items on a page: 10, at most 100.
    pub(crate) page_size: Option<u64>,
    /// As page_size.
    pub(crate) ps: Option<u64>,
    /// As page_size.
    pub(crate) size: Option<u64>,
}

/// Reads one.
///
/// # Errors
/// 400 when a value is not what its name asks for.
pub(crate) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Failure> {
    // Not every store can hold it, and no name has it.
    if query.contains("%00") {
        return Err(Failure::new(400, "the query has a NUL, which no name has"));
    }
    let given = query
        .split('&')
        .filter(|pair| !pair.ends_with('=') && pair.contains('='));
    let given: Vec<&str> = given.collect();
    serde_urlencoded::from_str(&given.join("&"))
        .map_err(|error| Failure::new(400, format!("the query does not fit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_are_none_and_wrong_ones_are_told() {
        let paging: Paging = read("p=&page_size=20&other=x").unwrap();
        assert_eq!((paging.p, paging.page_size), (None, Some(20)));
        assert_eq!(read::<Paging>("p=first").unwrap_err().status, 400);
    }
}
