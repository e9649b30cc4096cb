// SPDX-License-Identifier: Apache-2.0
//! The main chart of a run as PNG: the SVG of one theme, drawn with a font that is built into the program. Fonts of the machine
//! are not looked for, so that a container without any draws the same picture.

use std::sync::Arc;

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{
        Options, Tree,
        fontdb::{Database, Source},
    },
};
use thiserror::Error;
use upsurge_record::model::Record;

use crate::{picture::svg_in, theme::Theme};

/// The largest scale.
pub const MOST_SCALE: u8 = 4;
/// The most pixels of a picture: four bytes each are needed to draw it, and as many to pack it.
const MOST_PIXELS: u64 = 64_000_000;

/// The family of the fonts below.
const FAMILY: &str = "Inter";
/// Regular, and semibold for titles. `tools/font` makes them.
const FONTS: [&[u8]; 2] =
    [include_bytes!("assets/Inter-Regular.ttf"), include_bytes!("assets/Inter-SemiBold.ttf")];

/// Why there is no PNG.
#[derive(Debug, Error)]
pub enum PngError {
    /// The scale is not one that is allowed.
    #[error("the scale of a PNG must be 1 to {most}, not {0}", most = MOST_SCALE)]
    Scale(u8),
    /// The picture would be too large.
    #[error(
        "the PNG would have {width} x {height} pixels, and may have {most}: use a smaller scale, or SVG",
        most = MOST_PIXELS
    )]
    TooLarge {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The chart could not be drawn.
    #[error("can't draw the chart as PNG: {0}")]
    Drawing(String),
}

/// The main chart of a run as PNG, at `scale` pixels for each of the SVG's.
///
/// # Errors
/// When the scale is out of bounds, or the picture would be too large.
pub fn png(record: &Record, theme: Theme, scale: u8) -> Result<Vec<u8>, PngError> {
    let pixels = drawn(&svg_in(record, theme), scale)?;
    pixels.encode_png().map_err(|error| PngError::Drawing(error.to_string()))
}

fn drawn(svg: &str, scale: u8) -> Result<Pixmap, PngError> {
    if !(1..=MOST_SCALE).contains(&scale) {
        return Err(PngError::Scale(scale));
    }
    let tree = Tree::from_str(svg, &options()).map_err(|error| PngError::Drawing(error.to_string()))?;
    let scale = f32::from(scale);
    let (width, height) =
        ((tree.size().width() * scale).ceil() as u32, (tree.size().height() * scale).ceil() as u32);
    let too_large = PngError::TooLarge { width, height };
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(too_large);
    }
    let mut pixels = Pixmap::new(width, height).ok_or(too_large)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok(pixels)
}

/// Every family that a style sheet may name ends at the font here: it has no other.
fn options() -> Options<'static> {
    let mut fonts = Database::new();
    for font in FONTS {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_serif_family(FAMILY);
    Options { font_family: FAMILY.to_owned(), fontdb: Arc::new(fonts), ..Options::default() }
}

#[cfg(test)]
mod tests {
    use ring::digest;
    use rstest::rstest;

    use super::*;

    /// A text alone on its ground, as the chart writes it.
    fn written(text: &str, class: &str) -> Pixmap {
        let sheet = Theme::Light.sheet();
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"40\" viewBox=\"0 0 200 40\"><style>{sheet}</style>\
             <rect class=\"ground\" width=\"200\" height=\"40\"/><text class=\"{class}\" x=\"10\" y=\"25\">{text}</text></svg>"
        );
        drawn(&svg, 1).unwrap()
    }

    /// How many pixels are not of the ground's colour.
    fn inked(pixels: &Pixmap) -> usize {
        let ground = pixels.pixels()[0];
        pixels.pixels().iter().filter(|pixel| **pixel != ground).count()
    }

    #[test]
    fn two_fonts_are_there_and_none_of_the_machine() {
        let options = options();
        let faces: Vec<_> = options.fontdb.faces().collect();
        let found: Vec<(&str, u16)> =
            faces.iter().map(|face| (face.families[0].0.as_str(), face.weight.0)).collect();
        assert_eq!(found, [("Inter", 400), ("Inter", 600)]);
    }

    #[rstest]
    #[case("hold: 120/s")]
    #[case("Größe Łódź")]
    #[case("нагрузка")]
    #[case("φόρτος")]
    #[case("▲")]
    #[case("▼")]
    #[case("✓")]
    #[case("✗")]
    #[case("↑ p95")]
    #[case("≥ 4")]
    #[case("−0:30")]
    #[case("…")]
    fn texts_and_signs_of_charts_are_drawn(#[case] text: &str) {
        let pixels = written(text, "small");
        assert!(inked(&pixels) > 3, "{text}");
        // What the font lacks is a box.
        assert_ne!(pixels.data(), written(&"漢".repeat(text.chars().count()), "small").data(), "{text}");
    }

    #[test]
    fn what_the_font_lacks_is_a_box_and_breaks_nothing() {
        assert!(inked(&written("漢", "small")) > 3);
        assert!(inked(&written("a \u{202e}עברית 🚀 e\u{301}", "small")) > 3);
        assert_eq!(inked(&written("", "small")), 0);
    }

    #[test]
    fn titles_are_bolder() {
        let ink = |class| {
            let pixels = written("checkout", class);
            let ground = u64::from(pixels.pixels()[0].green());
            pixels.pixels().iter().map(|pixel| ground - u64::from(pixel.green()).min(ground)).sum::<u64>()
        };
        assert!(ink("title") > ink("sentence"), "{} {}", ink("title"), ink("sentence"));
    }

    #[rstest]
    #[case(0)]
    #[case(MOST_SCALE + 1)]
    fn scales_out_of_bounds_are_refused(#[case] scale: u8) {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>";
        assert!(matches!(drawn(svg, scale), Err(PngError::Scale(found)) if found == scale));
    }

    #[test]
    fn a_picture_of_too_many_pixels_is_refused_before_it_has_memory() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"960\" height=\"70000\"/>";
        assert!(matches!(drawn(svg, 1), Err(PngError::TooLarge { width: 960, height: 70_000 })));
    }

    /// What `tools/font write` makes; `tools/font check` makes it again to compare.
    #[rstest]
    #[case(FONTS[0], "9725752360a7dff9a53f74a564cc56c733bc89a6c62389d74a5b1f185a6a0f2c")]
    #[case(FONTS[1], "6a3acc0e2586e70979add5a45f3b205ac0a0ae6f1d2bee8829f9279f5ba5cef6")]
    #[case(include_bytes!("assets/Inter.LICENSE").as_slice(), "5b9321a4298cfeb6b34354164a1c3afc3db114569984c502b9b35d988fd58c57")]
    fn the_fonts_are_as_they_were_made_and_have_their_licence(#[case] bytes: &[u8], #[case] sum: &str) {
        let found = digest::digest(&digest::SHA256, bytes);
        let found: String = found.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum);
        // A copy of the program has only the fonts, so they have to say it themselves.
        let licence = "SIL Open Font License";
        let wide: Vec<u8> = licence.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let says = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(says(licence.as_bytes()) || says(&wide) || says(licence.to_uppercase().as_bytes()));
    }

    #[test]
    fn the_lists_of_components_of_a_release_name_the_font_as_it_is_here() {
        let listed: serde_json::Value = serde_json::from_str(include_str!("assets/Inter.json")).unwrap();
        let component = &listed["component"];
        assert_eq!(listed["in"], env!("CARGO_PKG_NAME"));
        let version = component["version"].as_str().unwrap();
        assert_eq!(component["purl"], format!("pkg:npm/%40expo-google-fonts/inter@{version}"));
        assert_eq!(component["bom-ref"], component["purl"]);
    }
}
