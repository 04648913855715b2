//! A statement that needs to see nothing, and values that are kept until it is run. Text alone.

use crate::ledger::rows::Param;

/// A value beside a statement's text, kept until the statement is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Value {
    Int(i64),
    Text(String),
}

/// A statement and its values.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Statement {
    pub(in crate::ledger) sql: &'static str,
    pub(in crate::ledger) with: Vec<Value>,
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl<'a> From<&'a Value> for Param<'a> {
    fn from(value: &'a Value) -> Param<'a> {
        match value {
            Value::Int(number) => Param::Int(*number),
            Value::Text(text) => Param::Text(text),
        }
    }
}
