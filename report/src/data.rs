// SPDX-License-Identifier: Apache-2.0
//! The data of the page's charts: gzip in base64 as a JSON string, which a browser unpacks by itself. Nothing that stands in it can end the
//! tag that holds it, and it takes a tenth of the room. It is what the charts draw and not the whole record, which has a file of its own:
//! so a page stays small however much the record holds.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    axis::Scale,
    chart::{Chart, Pane},
    thin::MOST_POINTS,
};

/// The data of a chart, packed.
pub(crate) fn packed(chart: &Chart) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory can't fail.
    let written = encoder.write_all(plain(chart).to_string().as_bytes()).and_then(|()| encoder.finish());
    format!("\"{}\"", BASE64_STANDARD.encode(written.unwrap_or_default()))
}

/// The same, to be read.
pub(crate) fn plain(chart: &Chart) -> Value {
    let stages =
        chart.stages.iter().map(|stage| json!({"name": stage.name, "from": stage.from, "to": stage.to}));
    let marks = chart
        .marks
        .iter()
        .map(|mark| json!({"at": mark.at, "kind": mark.kind.class(), "sign": mark.kind.sign()}));
    json!({
        "from": chart.from,
        "to": chart.to,
        "stages": stages.collect::<Vec<_>>(),
        "marks": marks.collect::<Vec<_>>(),
        "panes": chart.panes.iter().map(pane).collect::<Vec<_>>(),
    })
}

fn pane(pane: &Pane) -> Value {
    let pane = pane.thinned(MOST_POINTS);
    let lines = pane.lines.iter().map(|line| {
        json!({
            "name": line.name,
            "role": line.role.class(),
            "dashes": line.role.dashes(),
            "stepped": line.is_stepped,
            "values": line.values.iter().map(|value| value.map(rounded)).collect::<Vec<_>>(),
        })
    });
    let limits = pane.limits.iter().map(|limit| json!({"name": limit.name, "value": limit.value}));
    json!({
        "id": pane.id,
        "title": pane.title,
        "unit": pane.unit.word(),
        "log": pane.scale == Scale::Log,
        "scaling": pane.is_scaling,
        "height": height(&pane),
        "seconds": pane.seconds.iter().copied().map(rounded).collect::<Vec<_>>(),
        "bands": pane.bands,
        "limits": limits.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
    })
}

/// Height of a pane in pixels.
fn height(pane: &Pane) -> u32 {
    match pane.id.as_str() {
        "latency" => 210,
        "errors" => 110,
        _ => 150,
    }
}

/// To a thousandth: more than anybody can see, and latency is known to the microsecond.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::chart::{Line, Mark, MarkKind, Role, Unit};

    fn chart(name: &str, points: usize) -> Chart {
        let values = (0..points).map(|index| (index % 7 != 0).then_some(index as f64 / 3.0)).collect();
        let pane = Pane {
            id: "errors".into(),
            title: name.into(),
            unit: Unit::PerSecond,
            scale: Scale::Linear,
            finding: String::new(),
            seconds: (0..points).map(|index| index as f64).collect(),
            lines: vec![Line { name: name.into(), role: Role::Errors, is_stepped: false, values }],
            bands: Vec::new(),
            limits: Vec::new(),
            is_scaling: false,
        };
        let mark = Mark { at: 1.0, kind: MarkKind::Bad, text: name.into() };
        Chart { from: 0.0, to: 9.0, panes: vec![pane], stages: Vec::new(), marks: vec![mark] }
    }

    #[test]
    fn what_is_packed_comes_out_again_and_ends_no_tag() {
        let chart = chart("</script><script>alert(1)</script>\u{2028}\u{202e}🚀", 40);
        let packed = packed(&chart);
        let inner = packed.trim_matches('"');
        assert!(inner.chars().all(|sign| sign.is_ascii_alphanumeric() || "+/=".contains(sign)));
        let mut text = String::new();
        GzDecoder::new(BASE64_STANDARD.decode(inner).unwrap().as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), plain(&chart));
    }

    #[test]
    fn a_line_has_no_more_points_than_a_page_bears() {
        let data = plain(&chart("failed", 86_400));
        let values = data.pointer("/panes/0/lines/0/values").and_then(Value::as_array).unwrap();
        assert!(values.len() <= MOST_POINTS && values.len() > MOST_POINTS / 4, "{}", values.len());
    }
}
