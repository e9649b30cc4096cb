// SPDX-License-Identifier: Apache-2.0
//! Throughput over counts of replicas: what was measured, the fitted law, and the straight line of replicas that all serve as much as
//! one.

use super::{LEFT, RIGHT, WIDTH, path};
use crate::{
    axis::{Axis, Scale},
    markup::{Markup, Tenth},
    words,
};

/// Height of the picture's inner part, and of what is above it.
const HEIGHT: f64 = 240.0;
const TOP: f64 = 10.0;
/// Radius of a mean, and half the width of the ends of its interval.
const DOT: f64 = 4.0;

/// A count of replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mean {
    /// Replicas.
    pub(crate) replicas: f64,
    /// Requests per second.
    pub(crate) throughput: f64,
    /// The same at both ends of the 95 % interval of its efficiency.
    pub(crate) interval: Option<(f64, f64)>,
}

/// A line of requests per second over replicas.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Law {
    /// Its name.
    pub(crate) name: &'static str,
    /// By which it has its colour.
    pub(crate) class: &'static str,
    /// How it is drawn, so that colour is not all that tells it apart.
    pub(crate) dashes: Option<&'static str>,
    /// Its points, by replicas.
    pub(crate) points: Vec<(f64, f64)>,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scaling {
    /// Each count that was measured, ascending.
    pub(crate) means: Vec<Mean>,
    /// The lines.
    pub(crate) laws: Vec<Law>,
}

/// Draws all of it above one axis.
pub(crate) fn scaling(markup: &mut Markup, scaling: &Scaling, label: &str) {
    let lines = scaling.laws.iter().flat_map(|law| law.points.iter().copied());
    let measured = scaling.means.iter().map(|mean| {
        (mean.replicas, mean.interval.map_or(mean.throughput, |(_, high)| high.max(mean.throughput)))
    });
    let all: Vec<(f64, f64)> = lines.chain(measured).collect();
    let most = all.iter().map(|(replicas, _)| *replicas).fold(1.0, f64::max);
    let axis = Axis::of(Scale::Linear, all.iter().map(|(_, throughput)| *throughput), 5);
    let x = |replicas: f64| LEFT + (WIDTH - LEFT - RIGHT) * replicas / most;
    let y = |throughput: f64| TOP + HEIGHT * (1.0 - axis.place(throughput));
    let bottom = TOP + HEIGHT;
    let svg = markup.tag("svg").class("chart").set("viewBox", format_args!("0 0 {WIDTH} {}", bottom + 34.0));
    svg.set("role", "img").set("aria-label", label).with(|svg| {
        for tick in &axis.ticks {
            let line = format!("M{} {}H{}", Tenth(LEFT), Tenth(y(*tick)), Tenth(WIDTH - RIGHT));
            svg.tag("path").class("grid").set("d", line).empty();
            let text = svg.tag("text").class("small end").at("x", LEFT - 7.0).at("y", y(*tick) + 4.0);
            text.text(words::short(*tick));
        }
        for mean in &scaling.means {
            let text = svg.tag("text").class("small middle").at("x", x(mean.replicas)).at("y", bottom + 15.0);
            text.text(mean.replicas);
        }
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        let text = svg.tag("text").class("small middle").at("x", middle).at("y", bottom + 30.0);
        text.text("replicas; at the left, requests per second");
        for (law, place) in scaling.laws.iter().zip(1_u32..) {
            let points = law.points.iter().map(|(replicas, throughput)| (x(*replicas), Some(y(*throughput))));
            let class = format!("line {}", law.class);
            let d = path::line(points, false);
            svg.tag("path").class(&class).set_if("stroke-dasharray", law.dashes).set("d", d).empty();
            named(svg, law.name, &class, law.dashes, f64::from(place));
        }
        scaling.means.iter().for_each(|one| mean(svg, one, x(one.replicas), y));
        named(svg, "measured", "line achieved", Some("1 3"), 0.0);
    });
}

/// A mean as a ring, with its interval as a line through it.
fn mean(svg: &mut Markup, mean: &Mean, x: f64, y: impl Fn(f64) -> f64) {
    if let Some((low, high)) = mean.interval {
        let (low, high) = (Tenth(y(low)), Tenth(y(high)));
        let (left, right) = (Tenth(x - DOT), Tenth(x + DOT));
        let d = format!("M{left} {low}H{right}M{left} {high}H{right}M{} {low}V{high}", Tenth(x));
        svg.tag("path").class("line achieved").set("d", d).empty();
    }
    let ring = svg.tag("circle").class("line achieved").at("cx", x).at("cy", y(mean.throughput));
    ring.at("r", DOT).empty();
}

/// The name of a line at the right, with a piece of it.
fn named(svg: &mut Markup, name: &str, class: &str, dashes: Option<&str>, place: f64) {
    let (left, y) = (WIDTH - RIGHT, TOP + 10.0 + 16.0 * place);
    let sample = format!("M{} {}h20", Tenth(left + 6.0), Tenth(y));
    svg.tag("path").class(class).set_if("stroke-dasharray", dashes).set("d", sample).empty();
    svg.tag("text").class("small").at("x", left + 31.0).at("y", y + 4.0).text(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_a_ring_and_each_law_a_line_with_its_name() {
        let mean = |replicas, interval| Mean { replicas, throughput: 20.0 * replicas, interval };
        let points = vec![(1.0, 20.0), (4.0, 80.0)];
        let law = Law { name: "linear", class: "asked", dashes: Some("7 4"), points };
        let drawn = Scaling { means: vec![mean(1.0, None), mean(4.0, Some((70.0, 90.0)))], laws: vec![law] };
        let svg = Markup::written(|markup| scaling(markup, &drawn, "What replicas bring"));
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("aria-label=\"What replicas bring\"") && svg.contains(">linear<"), "{svg}");
        // The ends of its own axis: 4 replicas at the right, and 100/s above.
        assert!(
            svg.contains("cx=\"830\" cy=\"58\"") && svg.contains("M826 82H834M826 34H834M830 82V34"),
            "{svg}"
        );
    }
}
