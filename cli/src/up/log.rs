//! How `up` logs: one line a person can read, to standard error. Started once by `up`.

use anyhow::Context;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, Uptime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Seconds since the start, level, message, fields.
struct OneLine {
    uptime: Uptime,
}

/// Begins to log.
///
/// # Errors
/// When the filter makes no sense.
pub(crate) fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("reading --log {filter:?}"))?;
    let format = OneLine {
        uptime: Uptime::default(),
    };
    let log = tracing_subscriber::fmt()
        .event_format(format)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    log.try_init().ok().context("starting the log")
}

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        self.uptime.format_time(&mut writer)?;
        writeln!(
            writer,
            " {:5} {}{}",
            event.metadata().level(),
            said.message,
            said.fields
        )
    }
}

/// An event's words.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.say(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.say(field, format!("{value:?}"));
    }
}

impl Said {
    /// A line stays a line, whatever a provider or a file put into it.
    fn say(&mut self, field: &Field, value: String) {
        let value: String = value
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .collect();
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push_str(&format!("  {}={value}", field.name()));
        }
    }
}
