//! Rows of one kind as a transaction sees them. Used by `sheet`; knows no kind.

use crate::ledger::rows::Row;
use std::collections::{BTreeMap, BTreeSet};

/// Rows by their key, and which of them were changed.
#[derive(Debug)]
pub(in crate::ledger) struct Page<K, R> {
    pub(super) rows: BTreeMap<K, R>,
    changed: BTreeSet<K>,
}

impl<K: Ord + Clone, R> Default for Page<K, R> {
    fn default() -> Self {
        Page {
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone, R> Page<K, R> {
    pub(in crate::ledger) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&R>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.rows.get(key)
    }

    pub(in crate::ledger) fn put(&mut self, key: K, row: R) {
        self.changed.insert(key.clone());
        self.rows.insert(key, row);
    }

    /// The row, to be changed; where there is none, a new one.
    pub(in crate::ledger) fn edit(&mut self, key: &K) -> &mut R
    where
        R: Default,
    {
        self.changed.insert(key.clone());
        self.rows.entry(key.clone()).or_default()
    }

    /// Every row.
    pub(in crate::ledger) fn all(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    /// Takes a row away, which the store is told elsewhere.
    pub(in crate::ledger) fn remove(&mut self, key: &K) -> Option<R> {
        self.changed.remove(key);
        self.rows.remove(key)
    }

    pub(super) fn loaded(rows: impl IntoIterator<Item = (K, R)>) -> Self {
        Page {
            rows: rows.into_iter().collect(),
            changed: BTreeSet::new(),
        }
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = (&K, &R)> {
        let changed = self.changed.iter();
        changed.filter_map(|key| self.rows.get(key).map(|row| (key, row)))
    }
}

/// A page of rows that were loaded.
pub(super) fn by<K: Ord + Clone, R, T>(
    rows: Vec<R>,
    key: impl Fn(&R) -> K,
    read: impl Fn(R) -> T,
) -> Page<K, T> {
    Page::loaded(rows.into_iter().map(|row| (key(&row), read(row))))
}

/// What was changed of a page.
pub(super) fn copied<K: Ord + Clone, R: Row>(page: &Page<K, R>) -> Vec<R> {
    page.changes().map(|(_, row)| row.clone()).collect()
}
