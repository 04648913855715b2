//! What an ApiKey's annotations ask of the ledger. Pure; `credit` does it.

use kube::ResourceExt;
use purser_crds::{Amount, ApiKey, CREDIT_ANNOTATION, RENEW_ANNOTATION};

/// One annotation that asks for an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its whole name.
    pub(crate) annotation: String,
    /// Its value.
    pub(crate) value: String,
    /// What names the entry for ever.
    pub(crate) id: String,
    /// What is asked for, or why that cannot be known.
    pub(crate) wish: Result<Wish, String>,
}

/// What an annotation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// So many millionths of a credit more, or less.
    Credit {
        /// Negative: less.
        micros: i64,
    },
    /// The key's time on its plan begins anew.
    Renew,
}

/// The entries that a key's annotations ask for, in the order of their names.
pub(crate) fn entries(key: &ApiKey) -> Vec<Entry> {
    let entry = |(annotation, value): (&String, &String)| {
        let (id, wish) = match annotation.strip_prefix(CREDIT_ANNOTATION) {
            Some(id) => (id.to_owned(), credit(value)),
            // A kind of its own, so that one invoice may do both under one number.
            None => (
                format!("renew/{}", annotation.strip_prefix(RENEW_ANNOTATION)?),
                renew(value),
            ),
        };
        Some(Entry {
            annotation: annotation.clone(),
            value: value.clone(),
            id,
            wish,
        })
    };
    key.annotations().iter().filter_map(entry).collect()
}

fn credit(value: &str) -> Result<Wish, String> {
    let (sign, amount) = match value.strip_prefix('-') {
        Some(amount) => (-1, amount),
        None => (1, value),
    };
    let micros = Amount::new(amount)
        .micros()
        .map_err(|error| error.to_string())?;
    match i64::try_from(micros) {
        Ok(0) => {
            Err("0 credits are no entry; write how many to add, or to take with a -".to_owned())
        }
        Ok(micros) => Ok(Wish::Credit {
            micros: sign * micros,
        }),
        Err(_) => Err("no account can hold so much; add less".to_owned()),
    }
}

fn renew(value: &str) -> Result<Wish, String> {
    if value.is_empty() {
        Ok(Wish::Renew)
    } else {
        Err("a renewal's value must be empty: it begins at once".to_owned())
    }
}

/// Millionths as a decimal number.
pub(crate) fn decimal(micros: u64) -> String {
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(annotations: serde_json::Value) -> Vec<(String, Result<Wish, String>)> {
        let metadata =
            serde_json::json!({"name": "a", "namespace": "shop", "annotations": annotations});
        let key = serde_json::json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey",
            "metadata": metadata, "spec": {"plan": "free"}});
        let key: ApiKey = serde_json::from_value(key).unwrap();
        let entries = entries(&key).into_iter();
        entries.map(|entry| (entry.id, entry.wish)).collect()
    }

    #[test]
    fn annotations_ask_for_credits_and_renewals_and_others_for_nothing() {
        let asked = asked(serde_json::json!({
            "credit.purser.dev/invoice-7": "500", "credit.purser.dev/slip": "-1.25", "renew.purser.dev/invoice-7": "",
            "purser.dev/credit": "9", "credit.purser.dev.example/x": "9",
        }));
        let expected = [
            (
                "invoice-7",
                Wish::Credit {
                    micros: 500_000_000,
                },
            ),
            ("slip", Wish::Credit { micros: -1_250_000 }),
            ("renew/invoice-7", Wish::Renew),
        ];
        let expected = expected.map(|(id, wish)| (id.to_owned(), Ok(wish)));
        assert_eq!(asked, expected);
    }

    #[test]
    fn what_is_no_amount_is_refused_in_words() {
        for bad in ["", "--1", "-", "0", "1e3", "five", "-0"] {
            let asked = asked(serde_json::json!({"credit.purser.dev/x": bad}));
            assert!(asked[0].1.is_err(), "{bad}");
        }
        let asked = asked(serde_json::json!({"renew.purser.dev/x": "tomorrow"}));
        assert!(asked[0].1.is_err());
    }

    #[test]
    fn millionths_read_as_decimal_numbers() {
        for (micros, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_250_000, "1.25"),
            (500_000_000, "500"),
        ] {
            assert_eq!(decimal(micros), text);
        }
    }
}
