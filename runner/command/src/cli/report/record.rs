// SPDX-License-Identifier: Apache-2.0
//! What can be made of a record: other forms, a check of its figures, a record of what a run has left.

use std::{
    fs::{self, File},
    io::{self, BufReader, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

use upsurge_record::{
    Record, csv,
    disk::{Place, decode, encode},
    model::ElasticSpeedup,
    recover::{Recovered, recover as recovered},
    speedup::elastic_speedups,
    verify::{Difference, Verified, verify},
};
use upsurge_report::{Theme, html, junit, markdown, png, svg, svg_in, timeline};

use super::{found, place, put};
use crate::cli::{
    arguments::{Colours, Form, ReportArguments},
    documents::called,
    exit, report_files, say,
};

/// Most differences that are told one by one.
const MOST_TOLD: usize = 50;
/// Pixels of a PNG for each one of the chart, unless something else is asked for: sharp on today's screens.
const SCALE: u8 = 2;

/// Writes a record in another form, or checks it.
pub(super) fn run(arguments: &ReportArguments, path: &str, bytes: &[u8]) -> ExitCode {
    let form = arguments.form.or(arguments.junit.is_some().then_some(Form::Junit));
    let is_without = |form| matches!(form, Form::Svg | Form::Png | Form::Junit | Form::Csv);
    if arguments.baseline.is_some() && form.is_some_and(is_without) {
        return exit::error(
            "--baseline adds a sentence or a field, which this form has no place for: use html, markdown, text or json, or --report-dir",
        );
    }
    let mut record = match decode(bytes) {
        Ok(record) => record,
        Err(error) => return exit::error(format_args!("{path}: {error}")),
    };
    if let Some(baseline) = &arguments.baseline {
        match against(&record, baseline, arguments) {
            Ok(speedups) => record.elastic_speedups = speedups,
            Err(message) => return exit::error(message),
        }
    }
    if arguments.verify {
        return verified(path, &verify(&record));
    }
    if let Some(directory) = &arguments.report_dir {
        return match fill(directory, &record, bytes) {
            Ok(()) => exit::of(record.outcome.verdict),
            Err(message) => exit::error(message),
        };
    }
    let Some(form) = form else {
        return exit::error(format_args!(
            "{path} is a record: say by --output what to make of it, or check it by --verify"
        ));
    };
    let made = match made(&record, form, arguments) {
        Ok(made) => made,
        Err(message) => return exit::error(message),
    };
    match put(place(arguments), &made) {
        Ok(()) => exit::of(record.outcome.verdict),
        Err(message) => exit::error(message),
    }
}

/// Whether what is asked of a picture is asked of one, and a PNG has a place to go to.
pub(super) fn fits(arguments: &ReportArguments) -> Result<(), &'static str> {
    let form = arguments.form;
    if arguments.theme.is_some() && !matches!(form, Some(Form::Svg | Form::Png)) {
        return Err("--theme is for svg and png: a page has both themes");
    }
    if arguments.scale.is_some() && form != Some(Form::Png) {
        return Err("--scale is for png");
    }
    if form == Some(Form::Png) && place(arguments).is_none() && io::stdout().is_terminal() {
        return Err("a PNG is no text for a terminal: name a file by --to");
    }
    Ok(())
}

/// The elastic speedup of each workload against the run of another record.
fn against(
    record: &Record,
    baseline: &Path,
    arguments: &ReportArguments,
) -> Result<Vec<ElasticSpeedup>, String> {
    let wrong = |error: String| format!("--baseline: {error}");
    let bytes = found(baseline, arguments).map_err(wrong)?;
    let baseline = decode(&bytes).map_err(|error| wrong(format!("{}: {error}", called(baseline))))?;
    elastic_speedups(record, &baseline).map_err(|error| wrong(error.to_string()))
}

/// Writes a record as it is, and all reports of it, to a directory.
fn fill(directory: &Path, record: &Record, bytes: &[u8]) -> Result<(), String> {
    fs::create_dir_all(directory)
        .map_err(|error| format!("can't write to {} (--report-dir): {error}", directory.display()))?;
    // It may be the one that was read.
    Place::of(&directory.join(report_files::RECORD)).put(bytes).map_err(|error| error.to_string())?;
    for (name, report) in [
        (report_files::PAGE, html(record)),
        (report_files::MARKDOWN, markdown(record)),
        (report_files::JUNIT, junit(record)),
    ] {
        let path = directory.join(name);
        put(Some(("--report-dir", path.as_path())), report.as_bytes())?;
    }
    Ok(())
}

/// A record in a form. Each form is an arm here.
fn made(record: &Record, form: Form, arguments: &ReportArguments) -> Result<Vec<u8>, String> {
    let theme = arguments.theme.map(|colours| match colours {
        Colours::Light => Theme::Light,
        Colours::Dark => Theme::Dark,
    });
    match form {
        Form::Json => {
            let mut text = serde_json::to_vec_pretty(record).map_err(|error| error.to_string())?;
            text.push(b'\n');
            Ok(text)
        }
        Form::Html => Ok(html(record).into_bytes()),
        Form::Markdown => Ok(markdown(record).into_bytes()),
        Form::Svg => Ok(theme.map_or_else(|| svg(record), |theme| svg_in(record, theme)).into_bytes()),
        Form::Png => png(record, theme.unwrap_or_default(), arguments.scale.unwrap_or(SCALE))
            .map_err(|error| error.to_string()),
        Form::Text => Ok(timeline(record).into_bytes()),
        Form::Junit => Ok(junit(record).into_bytes()),
        Form::Csv => csv::table(record).map_err(|error| error.to_string()),
    }
}

/// Says what came of computing a record once more.
fn verified(path: &str, verified: &Verified) -> ExitCode {
    let Verified { figures, differences, skipped } = verified;
    for Difference { figure, told, computed } in differences.iter().take(MOST_TOLD) {
        say::line(format_args!("differs: {figure} is {told}, and {computed} by what was measured"));
    }
    if differences.len() > MOST_TOLD {
        say::line(format_args!("and {} more", differences.len() - MOST_TOLD));
    }
    for what in skipped {
        say::line(format_args!("not computed: {what}"));
    }
    let outcome = match differences.len() {
        0 => "all as told".to_owned(),
        1 => "1 differs".to_owned(),
        many => format!("{many} differ"),
    };
    if let Err(error) = say::result(&format!("{path}: {figures} figures computed once more: {outcome}\n")) {
        return exit::error(format_args!("can't write to standard output: {error}"));
    }
    ExitCode::from(u8::from(!differences.is_empty()))
}

/// Makes a record of what a run has left.
pub(super) fn recover(arguments: &ReportArguments) -> ExitCode {
    let path = called(&arguments.file);
    let place = match &arguments.to {
        Some(file) => Place::of(file),
        None => match Place::of_part(&arguments.file) {
            Some(place) if place.path().exists() => {
                return exit::error(format_args!(
                    "{} is there already: name another place by --to",
                    place.path().display()
                ));
            }
            Some(place) => place,
            None => {
                return exit::error(format_args!(
                    "{path} does not end in .part: say by --to where the record is to go"
                ));
            }
        },
    };
    let file = match File::open(&arguments.file) {
        Ok(file) => BufReader::new(file),
        Err(error) => return exit::error(format_args!("can't read {path}: {error}")),
    };
    let Recovered { record, members, rest } = match recovered(file) {
        Ok(recovered) => recovered,
        Err(error) => return exit::error(format_args!("{path}: {error}")),
    };
    let packed = match encode(&record, &[]) {
        Ok(packed) => packed,
        Err(error) => return exit::error(error),
    };
    if let Err(error) = place.put(&packed) {
        return exit::error(error);
    }
    if let Some(rest) = rest {
        say::line(format_args!("note: the last part of {path} was left out: {rest}"));
    }
    let parts = if members == 1 { "1 part".to_owned() } else { format!("{members} parts") };
    say::line(format_args!(
        "{}: made of {parts} of {path}; {}",
        place.path().display(),
        record.outcome.message
    ));
    ExitCode::SUCCESS
}
