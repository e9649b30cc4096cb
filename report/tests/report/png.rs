// SPDX-License-Identifier: Apache-2.0
//! The main chart as PNG, read back.

use resvg::tiny_skia::Pixmap;
use rstest::rstest;
use upsurge_record::model::Record;
use upsurge_report::{MOST_SCALE, PngError, Theme, png, svg, svg_in};

use crate::played;

fn decoded(record: &Record, theme: Theme, scale: u8) -> Pixmap {
    Pixmap::decode_png(&png(record, theme, scale).unwrap()).unwrap()
}

/// Width and height that the SVG of a record has.
fn size(record: &Record) -> (f64, f64) {
    let text = svg(record);
    let document = roxmltree::Document::parse(&text).unwrap();
    let told = |name| document.root_element().attribute(name).unwrap().parse().unwrap();
    (told("width"), told("height"))
}

/// How many pixels of the upper rows are not of the ground's colour.
fn inked(pixels: &Pixmap, rows: usize) -> usize {
    let ground = pixels.pixels()[0];
    let upper = pixels.pixels().iter().take(rows * pixels.width() as usize);
    upper.filter(|pixel| **pixel != ground).count()
}

#[rstest]
#[case::spike(played::spike())]
#[case::search(played::search())]
#[case::one_request(played::one_request())]
#[case::aborted(played::aborted())]
#[case::broken(played::broken_before_start())]
#[case::hostile(played::hostile())]
fn every_run_gives_a_picture_of_the_size_of_its_svg(#[case] record: Record) {
    let pixels = decoded(&record, Theme::Light, 1);
    assert_eq!((f64::from(pixels.width()), f64::from(pixels.height())), size(&record));
    assert!(inked(&pixels, pixels.height() as usize) > 1_000, "nothing is drawn");
}

#[test]
fn a_scale_makes_it_larger() {
    let record = played::one_request();
    let (width, height) = size(&record);
    let pixels = decoded(&record, Theme::Light, 2);
    assert_eq!((f64::from(pixels.width()), f64::from(pixels.height())), (width * 2.0, height * 2.0));
}

#[rstest]
#[case(Theme::Light, [0xff, 0xff, 0xff], "#0b57b0")]
#[case(Theme::Dark, [0x12, 0x16, 0x1c], "#7db4ff")]
fn each_theme_has_its_colours(#[case] theme: Theme, #[case] ground: [u8; 3], #[case] line: &str) {
    let pixels = decoded(&played::spike(), theme, 1);
    let colours =
        |at: usize| [pixels.pixels()[at].red(), pixels.pixels()[at].green(), pixels.pixels()[at].blue()];
    assert_eq!(colours(0), ground);
    assert_eq!(colours(pixels.pixels().len() - 1), ground, "the ground reaches the last pixel");
    // The line of what came, and more than two colours.
    let wanted = u32::from_str_radix(&line[1..], 16).unwrap().to_be_bytes();
    let is_there = pixels.pixels().iter().any(|pixel| {
        let found = [pixel.red(), pixel.green(), pixel.blue()];
        found.iter().zip(&wanted[1..]).all(|(found, wanted)| found.abs_diff(*wanted) <= 8)
    });
    assert!(is_there, "no pixel is {line}");
}

#[test]
fn the_title_is_drawn_with_the_font_in_the_program() {
    let record = played::spike();
    let mut nameless = played::spike();
    nameless.run.name = String::new();
    let [named, nameless] = [&record, &nameless].map(|record| inked(&decoded(record, Theme::Light, 1), 36));
    assert!(named > nameless + 100, "{named} {nameless}");
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let record = played::spike();
    assert!(png(&record, Theme::Dark, 1).unwrap() == png(&record, Theme::Dark, 1).unwrap());
}

#[test]
fn a_scale_out_of_bounds_is_refused() {
    for scale in [0, MOST_SCALE + 1] {
        let refused = png(&played::one_request(), Theme::Light, scale).unwrap_err();
        assert!(matches!(refused, PngError::Scale(_)));
        assert_eq!(refused.to_string(), format!("the scale of a PNG must be 1 to 4, not {scale}"));
    }
}

#[test]
fn an_svg_in_one_theme_has_no_variable_and_else_equals_the_other() {
    let record = played::spike();
    let [light, dark] = [Theme::Light, Theme::Dark].map(|theme| svg_in(&record, theme));
    assert_ne!(light, dark);
    for text in [&light, &dark] {
        assert!(!text.contains("var(--") && !text.contains("prefers-color-scheme"));
    }
    let drawn = |text: &str| text.split_once("</style>").unwrap().1.to_owned();
    assert_eq!(drawn(&light), drawn(&dark));
    assert_eq!(drawn(&light), drawn(&svg(&record)));
}
