//! A statement as an invoice that a browser prints: one page of HTML that needs nothing else, with both addresses. Never a script, and no
//! text of anybody's is markup.

use super::money::decimal;
use super::statement::{Line, Statement};
use purser_config::calendar::Date;

/// An address as it stands on a letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Its lines, the name first.
    pub lines: Vec<String>,
}

/// What stands on an invoice beside its statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoice {
    /// Its number, as the seller counts.
    pub number: String,
    /// Who sends it.
    pub seller: Address,
    /// Who is to pay.
    pub buyer: Address,
    /// When it is sent, in unix milliseconds.
    pub issued_ms: u64,
    /// What more there is to say: terms of payment, a tax number.
    pub note: String,
}

const STYLE: &str = "@page{size:A4;margin:18mm}body{font:11pt/1.45 system-ui,sans-serif;color:#111;background:#fff;max-width:180mm;margin:10mm auto}\
h1{font-size:18pt;margin:8mm 0 2mm}address{font-style:normal;white-space:pre-line}.ends{display:flex;justify-content:space-between;gap:10mm}\
table{border-collapse:collapse;width:100%;margin:6mm 0;font-size:9.5pt}th,td{padding:1.5mm 2mm;border-bottom:.2mm solid #999;text-align:right}\
th:first-child,td:first-child{text-align:left}tfoot td{font-weight:bold;border-bottom:0}tr{break-inside:avoid}thead{display:table-header-group}\
.note{white-space:pre-line}@media print{body{margin:0}}";

/// The page.
pub fn invoice(about: &Invoice, statement: &Statement) -> String {
    let number = text(&about.number);
    let rows: String = statement
        .lines
        .iter()
        .map(|line| row(&line.name, line))
        .collect();
    let total = row("Total", &statement.total);
    // The last day that is in it, which a midnight at its end is not.
    let last = statement.to_ms.saturating_sub(1).max(statement.from_ms);
    let currency = text(&statement.currency);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Invoice {number}</title><style>{STYLE}</style></head><body>\n\
         <div class=\"ends\"><address aria-label=\"From\">{}</address><address aria-label=\"To\">{}</address></div>\n\
         <h1>Invoice {number}</h1>\n<p>Issued {}. Period {} to {} (UTC).</p>\n\
         <table><thead><tr><th scope=\"col\">Item</th><th scope=\"col\">Calls</th><th scope=\"col\">Tokens in</th><th scope=\"col\">of them cached</th>\
         <th scope=\"col\">Tokens out</th><th scope=\"col\">Credits</th><th scope=\"col\">Terms</th><th scope=\"col\">Price ({currency})</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n<tfoot>\n{total}</tfoot></table>\n{}<p class=\"note\">{}</p>\n</body></html>\n",
        address(&about.seller),
        address(&about.buyer),
        Date::at(about.issued_ms),
        Date::at(statement.from_ms),
        Date::at(last),
        others(&statement.total),
        text(&about.note),
    )
}

fn row(name: &str, line: &Line) -> String {
    let cells = [
        line.calls.to_string(),
        line.input_tokens.to_string(),
        line.cached_tokens.to_string(),
        line.output_tokens.to_string(),
        decimal(i128::from(line.credits)),
        line.terms.to_string(),
        decimal(i128::from(line.price)),
    ];
    let cells: String = cells.map(|cell| format!("<td>{cell}</td>")).concat();
    format!("<tr><td>{}</td>{cells}</tr>\n", text(name))
}

/// What is to be paid in other currencies.
fn others(total: &Line) -> String {
    let others = total.other_prices.iter();
    let others = others.map(|(currency, micros)| {
        format!(
            "<p>Further: {} {}</p>\n",
            decimal(i128::from(*micros)),
            text(currency)
        )
    });
    others.collect()
}

fn address(address: &Address) -> String {
    let lines = address.lines.iter().map(|line| text(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Text that is nothing but text.
fn text(plain: &str) -> String {
    let mut safe = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
