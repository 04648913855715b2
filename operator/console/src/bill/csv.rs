//! A statement as a spreadsheet reads it: RFC 4180, one line each and a total, amounts as decimals with all six places. No name is taken
//! for a formula.

use super::money::decimal;
use super::statement::{Line, Statement};

const HEAD: &str = "name,calls,errors,input_tokens,cached_tokens,output_tokens,credits,unpaid_credits,terms,price,other_prices,\
provider_cost,waste,margin,currency";

/// The text, with a head and a total.
pub fn csv(statement: &Statement) -> String {
    let lines = statement
        .lines
        .iter()
        .map(|line| row(&line.name, line, &statement.currency));
    let total = row("TOTAL", &statement.total, &statement.currency);
    let rows = [HEAD.to_owned()].into_iter().chain(lines).chain([total]);
    rows.map(|row| row + "\r\n").collect()
}

fn row(name: &str, line: &Line, currency: &str) -> String {
    let other = line.other_prices.iter();
    let other =
        other.map(|(currency, micros)| format!("{} {currency}", decimal(i128::from(*micros))));
    let fields = [
        name.to_owned(),
        line.calls.to_string(),
        line.errors.to_string(),
        line.input_tokens.to_string(),
        line.cached_tokens.to_string(),
        line.output_tokens.to_string(),
        decimal(i128::from(line.credits)),
        decimal(i128::from(line.unpaid)),
        line.terms.to_string(),
        decimal(i128::from(line.price)),
        other.collect::<Vec<_>>().join("; "),
        decimal(i128::from(line.cost)),
        decimal(i128::from(line.waste)),
        decimal(i128::from(line.margin)),
        currency.to_owned(),
    ];
    fields.map(|field| fitted(&field)).join(",")
}

fn fitted(field: &str) -> String {
    let number = field
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let formula = !number && field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::fitted;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_never_a_formula() {
        assert_eq!(fitted("shop/checkout"), "shop/checkout");
        assert_eq!(fitted("-0.000001"), "-0.000001");
        assert_eq!(
            fitted("=HYPERLINK(\"x\"),1"),
            "\"'=HYPERLINK(\"\"x\"\"),1\""
        );
    }
}
