//! What is printed of the figures. Called at the end of a run; must never measure.

use std::fmt::Write as _;

use crate::figures::{Figures, Loaded, median, spread};

/// The report.
pub(crate) fn markdown(figures: &Figures, peers: &str) -> String {
    let mut text = format!(
        "# Purser beside its peers\n\nWritten by `tests/bench/run.sh`: {} rounds on {}. Median [least–most]; ratios are taken within a round.{peers}\n",
        figures.rounds,
        machine()
    );
    for (title, load) in [
        (
            "CPU per request, 1 KB, closed loop, 32 connections",
            Loaded::Small,
        ),
        (
            "CPU per request, 100 KB, closed loop, 32 connections",
            Loaded::Large,
        ),
        (
            "CPU per SSE chunk, 20 streams of 100 chunks, 5 ms apart",
            Loaded::Streams,
        ),
    ] {
        cpu(figures, &mut text, (title, load));
    }
    for (title, load) in [
        ("Added first chunk, p50, 20 streams", Loaded::Streams),
        (
            "Added answer time, p50, 1 KB at 500/s, open loop",
            Loaded::Paced,
        ),
    ] {
        waits(figures, &mut text, (title, load));
    }
    translations(figures, &mut text);
    memory(figures, &mut text);
    bars(figures, &mut text);
    text
}

fn table(text: &mut String, title: &str, columns: &[&str]) {
    let rule = vec!["---"; columns.len()].join(" | ");
    let columns = columns.join(" | ");
    let _ = write!(text, "\n## {title}\n\n| {columns} |\n| {rule} |\n");
}

fn row(text: &mut String, cells: &[&str]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn cpu(figures: &Figures, text: &mut String, (title, load): (&str, Loaded)) {
    table(
        text,
        title,
        &["contender", "calls/s", "CPU µs", "CPU ÷ floor"],
    );
    for name in figures.names.iter().copied() {
        let own = (name, load);
        let rate = spread(&figures.each(own, |own| own.rate), 0);
        if name == "direct" {
            row(text, &[name, &rate, "", ""]);
            continue;
        }
        let cpu = spread(&figures.each(own, |own| own.cpu), 1);
        let ratio = spread(&figures.over([own, ("floor", load)], |own| own.cpu), 2);
        row(text, &[name, &rate, &cpu, &ratio]);
    }
}

fn waits(figures: &Figures, text: &mut String, (title, load): (&str, Loaded)) {
    let title = format!("{title}, over direct");
    table(
        text,
        &title,
        &["contender", "added µs", "÷ floor", "÷ nginx"],
    );
    for name in figures
        .names
        .iter()
        .copied()
        .filter(|name| *name != "direct")
    {
        let own = (name, load);
        if let Some(part) = overloaded(figures, own) {
            let answered = format!("a queue: {part:.0}% of this load is all that one core carries");
            row(text, &[name, &answered, "", ""]);
            continue;
        }
        let over = |unit| spread(&figures.added_over([own, (unit, load)]), 2);
        let added = spread(&figures.added(own), 0);
        row(text, &[name, &added, &over("floor"), &over("nginx")]);
    }
}

/// What part of an offered load it carries, where it cannot carry it: its waits would be those of a queue that grows with the run.
fn overloaded(figures: &Figures, (name, load): (&'static str, Loaded)) -> Option<f64> {
    let direct = ("direct", load.untouched());
    let carried = figures.over([(name, load), direct], |own| own.rate);
    median(&carried)
        .filter(|part| *part < 0.9)
        .map(|part| part * 100.0)
}

/// A caller of OpenAI's API at a provider of Anthropic's: the floor, who cannot, is what passes the same load on untouched.
fn translations(figures: &Figures, text: &mut String) {
    for (title, load) in [
        (
            "CPU per translated request, 1 KB, closed loop, 32 connections",
            Loaded::Translated,
        ),
        (
            "CPU per translated SSE chunk, 20 streams of 100 chunks, 5 ms apart",
            Loaded::TranslatedStreams,
        ),
    ] {
        let title = format!("{title}: OpenAI's chat API to Anthropic's");
        let first_chunk = if load.is_streamed() {
            "added first chunk µs"
        } else {
            "calls/s"
        };
        let ratios = ["÷ floor untranslated", "÷ itself untranslated", "÷ purser"];
        let columns = [&["contender", first_chunk, "CPU µs"], &ratios[..]].concat();
        table(text, &title, &columns);
        for name in figures.names.iter().copied() {
            let own = (name, load);
            let cpu = figures.each(own, |own| own.cpu);
            if cpu.is_empty() {
                continue;
            }
            let over = |unit| spread(&figures.over([own, unit], |own| own.cpu), 2);
            let untouched = load.untouched();
            let wait = match overloaded(figures, own) {
                _ if !load.is_streamed() => spread(&figures.each(own, |own| own.rate), 0),
                Some(part) => format!("a queue: {part:.0}% carried"),
                None => spread(&figures.added(own), 0),
            };
            let units = [("floor", untouched), (name, untouched), ("purser", load)];
            let [floor, itself, purser] = units.map(over);
            row(
                text,
                &[name, &wait, &spread(&cpu, 1), &floor, &itself, &purser],
            );
        }
    }
}

fn memory(figures: &Figures, text: &mut String) {
    let columns = [
        "contender",
        "idle RSS",
        "loaded RSS",
        "start to first answer, ms",
    ];
    let title = "Memory and start: RSS in MiB over the process tree, after the first answer and after all loads";
    table(text, title, &columns);
    for name in figures
        .names
        .iter()
        .copied()
        .filter(|name| *name != "direct")
    {
        let Some(started) = figures.started.get(name) else {
            continue;
        };
        let loaded = figures
            .loaded
            .get(name)
            .map(|mebibytes| format!("{mebibytes:.1}"));
        let idle = spread(&started.resident, 1);
        let first_answer = spread(&started.first_answer, 0);
        row(
            text,
            &[name, &idle, &loaded.unwrap_or_default(), &first_answer],
        );
    }
}

/// DESIGN 9, of what runs beside a pod, and of what a laptop runs.
fn bars(figures: &Figures, text: &mut String) {
    for name in ["sidecar", "purser"] {
        bars_of(name, figures, text);
    }
}

fn bars_of(name: &'static str, figures: &Figures, text: &mut String) {
    let Some(started) = figures.started.get(name) else {
        return;
    };
    let over = |unit, load| [name, unit].map(|name| (name, load));
    let cpu = |load| median(&figures.over(over("floor", load), |own| own.cpu));
    let first_chunk = median(&figures.added_over(over("nginx", Loaded::Streams)));
    let rows = [
        ("CPU per request, 1 KB, ÷ floor", 1.3, cpu(Loaded::Small)),
        ("CPU per SSE chunk ÷ floor", 1.1, cpu(Loaded::Streams)),
        ("added first chunk ÷ nginx", 1.2, first_chunk),
        ("idle RSS, MiB", 8.0, median(&started.resident)),
        (
            "start to first answer, ms",
            50.0,
            median(&started.first_answer),
        ),
    ];
    let title = format!("The bars: {name}");
    table(text, &title, &["what", "bar", "measured", ""]);
    for (what, bar, measured) in rows {
        let verdict = match measured {
            None => "not measured",
            // Less than nothing was added: the machine was busy.
            Some(measured) if measured < 0.0 => "noise",
            Some(measured) if measured <= bar => "holds",
            Some(_) => "missed",
        };
        let measured = measured.map(|measured| format!("{measured:.2}"));
        let bar = format!("≤ {bar}");
        row(text, &[what, &bar, &measured.unwrap_or_default(), verdict]);
    }
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    // This process is pinned to one core; the machine's own count stands in /proc.
    let cores = read("/proc/cpuinfo")
        .matches("processor\t")
        .count()
        .max(cores);
    format!(
        "{cores} cores ({}), Linux {}",
        model.unwrap_or_default(),
        read("/proc/sys/kernel/osrelease").trim()
    )
}
