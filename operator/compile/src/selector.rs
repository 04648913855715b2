//! Whether labels match a selector, as Kubernetes judges it. Used by `plans` and `offer`. Never looks anything up.

use crate::fault::Fault;
use purser_crds::{Operator, Selector};
use std::collections::BTreeMap;

/// Whether these labels match. An empty selector matches all.
pub(crate) fn matches(selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector.match_expressions.iter().all(|expression| {
            let value = labels.get(&expression.key);
            let listed = value.is_some_and(|value| expression.values.contains(value));
            match expression.operator {
                Operator::In => listed,
                Operator::NotIn => !listed,
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
}

/// Whether it says what it means: `In` without values would match nothing, `NotIn` without values everything.
pub(crate) fn check(field: &str, selector: &Selector) -> Result<(), Fault> {
    let odd = selector.match_expressions.iter().find(|expression| {
        let wants_values = matches!(expression.operator, Operator::In | Operator::NotIn);
        wants_values == expression.values.is_empty()
    });
    match odd {
        Some(expression) => Err(Fault::invalid(format!(
            "{field}: label {:?} has operator {:?}; operators In and NotIn need values, Exists and DoesNotExist take none",
            expression.key, expression.operator
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_crds::Expression;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn expression(operator: Operator, values: &[&str]) -> Selector {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Selector {
            match_expressions: vec![Expression {
                key: "tier".into(),
                operator,
                values,
            }],
            ..Selector::default()
        }
    }

    #[test]
    fn judges_as_kubernetes_does() {
        let (none, gold, iron) = (
            labels(&[]),
            labels(&[("tier", "gold")]),
            labels(&[("tier", "iron")]),
        );
        for (operator, values, expected) in [
            (Operator::In, &["gold"][..], [false, true, false]),
            (Operator::NotIn, &["gold"], [true, false, true]),
            (Operator::Exists, &[], [false, true, true]),
            (Operator::DoesNotExist, &[], [true, false, false]),
        ] {
            let selector = expression(operator, values);
            assert_eq!(
                [&none, &gold, &iron].map(|labels| matches(&selector, labels)),
                expected,
                "{operator:?}"
            );
        }
        assert!(matches(&Selector::default(), &none));
        let both = Selector {
            match_labels: gold.clone(),
            ..expression(Operator::Exists, &[])
        };
        assert!(matches(&both, &gold) && !matches(&both, &iron));
    }

    #[test]
    fn an_operator_without_its_values_is_a_fault() {
        assert!(check("f", &expression(Operator::NotIn, &[])).is_err());
        assert!(check("f", &expression(Operator::Exists, &["x"])).is_err());
        assert!(check("f", &expression(Operator::In, &["x"])).is_ok());
    }
}
