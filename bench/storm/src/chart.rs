//! Charts as SVG, for light and dark pages: one row for each contestant, the same scale for all.

use crate::figures::Outcome;
use std::fmt::Write as _;

const WIDTH: f64 = 880.0;
/// For the names of the contestants, in front of the panels.
const LEFT: f64 = 170.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 34.0;
const ROW: f64 = 92.0;
const GAP: f64 = 16.0;

const STYLE: &str = "<style>
.ground { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif } .small { font-size: 10.5px; fill: #57606a }
.name { font-weight: 600 } .title { font-weight: 600; font-size: 13px } .storm { fill: #eac54f; opacity: .22 }
.grid { stroke: #d0d7de; stroke-width: 1 } .dot { fill: #0969da; fill-opacity: .55 }
.bad { stroke: #cf222e; stroke-width: 1.4 } .area { fill: #0969da; fill-opacity: .25; stroke: #0969da; stroke-width: 1.4 }
.limit { stroke: #cf222e; stroke-width: 1.2; stroke-dasharray: 5 3 }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 } .storm { fill: #d29922; opacity: .2 }
.grid { stroke: #30363d } .dot { fill: #58a6ff; fill-opacity: .6 } .bad { stroke: #ff7b72 }
.area { fill: #58a6ff; fill-opacity: .25; stroke: #58a6ff } .limit { stroke: #ff7b72 } }
</style>";

type Row<'a> = (&'static str, &'a Outcome);

/// Where a panel is, and what its axes mean.
struct Panel {
    x: f64,
    y: f64,
    width: f64,
    from: f64,
    to: f64,
}

impl Panel {
    /// Across, for a second of the story.
    fn at(&self, second: f64) -> f64 {
        self.x + (second - self.from) / (self.to - self.from) * self.width
    }

    /// Down, for a share of the height.
    fn down(&self, share: f64) -> f64 {
        self.y + (1.0 - share.clamp(0.0, 1.0)) * (ROW - GAP)
    }

    /// Its ground: the storm, and lines at shares of the height with what they mean.
    fn ground(&self, storm: f64, lines: &[(f64, String)]) -> String {
        let (left, right) = (self.at(0.0), self.at(storm));
        let mut svg = format!(
            "<rect class='storm' x='{left:.1}' y='{:.1}' width='{:.1}' height='{:.1}'/>",
            self.y,
            right - left,
            ROW - GAP
        );
        for (share, label) in lines {
            let y = self.down(*share);
            let _written = write!(
                svg,
                "<line class='grid' x1='{:.1}' x2='{:.1}' y1='{y:.1}' y2='{y:.1}'/>\
                 <text class='small' x='{:.1}' y='{:.1}' text-anchor='end'>{label}</text>",
                self.x,
                self.x + self.width,
                self.x - 5.0,
                y + 3.5
            );
        }
        svg
    }
}

fn picture(title: &str, rows: usize, body: &str) -> String {
    let height = TOP + ROW * rows as f64 + BOTTOM;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>{STYLE}\
         <title>{title}</title><rect class='ground' width='{WIDTH}' height='{height}'/>{body}</svg>\n"
    )
}

fn name_of(row: usize, name: &str) -> String {
    let y = TOP + ROW * row as f64 + (ROW - GAP) / 2.0;
    let (first, second) = name.split_once(", ").unwrap_or((name, ""));
    format!(
        "<text class='name' x='12' y='{:.1}'>{first}</text><text class='small' x='12' y='{:.1}'>{second}</text>",
        y,
        y + 15.0
    )
}

fn seconds_below(panel: &Panel, rows: usize) -> String {
    let y = TOP + ROW * rows as f64 + 4.0;
    let mut svg = String::new();
    // adding zero makes -0 0
    let mut second = (panel.from / 10.0).ceil() * 10.0 + 0.0;
    while second <= panel.to {
        let x = panel.at(second);
        let _written = write!(
            svg,
            "<text class='small' x='{x:.1}' y='{y:.1}' text-anchor='middle'>{second:.0} s</text>"
        );
        second += 10.0;
    }
    svg
}

/// From ten milliseconds to ten seconds, by powers of ten.
fn height_of(millis: f64) -> f64 {
    (millis.max(10.0).log10() - 1.0) / 3.0
}

/// Every ordinary view: when it began, how long it took; crosses never came.
pub(crate) fn views(rows: &[Row<'_>]) -> String {
    let title = "Ordinary visitors: each page view, by when it began and how long it took";
    let mut body = format!(
        "<text class='title' x='12' y='20'>{title}</text>\
         <text class='small' x='12' y='36'>a cross never came whole; shaded: the crowd is there</text>"
    );
    for (number, (name, outcome)) in rows.iter().enumerate() {
        let panel = panel_of(outcome, number, LEFT + 45.0, WIDTH - LEFT - 60.0);
        let lines = [(10.0, "10 ms"), (100.0, "0.1 s"), (1000.0, "1 s"), (10000.0, "10 s")]
            .map(|(millis, label)| (height_of(millis), label.to_owned()));
        body.push_str(&name_of(number, name));
        body.push_str(&panel.ground(outcome.scenario.times.storm.as_secs_f64(), &lines));
        for (begun, took) in &outcome.traces.views {
            let x = panel.at(*begun);
            let written = if let Some(took) = took {
                let y = panel.down(height_of(*took));
                write!(body, "<circle class='dot' cx='{x:.1}' cy='{y:.1}' r='2.2'/>")
            } else {
                let y = panel.down(1.0) - 2.5;
                write!(body, "<path class='bad' d='M{:.1} {y:.1}l5 5m0 -5l-5 5'/>", x - 2.5)
            };
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        if number + 1 == rows.len() {
            body.push_str(&seconds_below(&panel, rows.len()));
        }
    }
    picture(title, rows.len(), &body)
}

fn panel_of(outcome: &Outcome, row: usize, x: f64, width: f64) -> Panel {
    let times = &outcome.scenario.times;
    let to = (times.storm + times.after).as_secs_f64();
    Panel { x, y: TOP + ROW * row as f64, width, from: outcome.traces.from, to }
}

/// One column of the second chart.
struct Column {
    title: &'static str,
    top: f64,
    /// What a value is shown as, at the top of the panel.
    label: fn(f64) -> String,
}

/// Workers, hot-linked bytes and entries of the crowd, second by second.
pub(crate) fn load(rows: &[Row<'_>]) -> String {
    let title = "What the site carries, second by second";
    let columns = [
        Column { title: "workers held, of 8", top: 8.0, label: |value| format!("{value:.0}") },
        Column { title: "hot-linked, MB/s", top: 2e6, label: |value| format!("{:.0}", value / 1e6) },
        Column { title: "crowd's entries a second", top: 50.0, label: |value| format!("{value:.0}") },
    ];
    let width = (WIDTH - LEFT - 12.0) / 3.0;
    let mut body = String::new();
    for (at, column) in columns.iter().enumerate() {
        let x = LEFT + width * at as f64 + 28.0;
        let _written = write!(body, "<text class='title' x='{x:.1}' y='20'>{}</text>", column.title);
        if at > 0 {
            let _written =
                write!(body, "<text class='small' x='{x:.1}' y='36'>dashed: what the class allows</text>");
        }
        for (number, (name, outcome)) in rows.iter().enumerate() {
            let panel = panel_of(outcome, number, x, width - 36.0);
            if at == 0 {
                body.push_str(&name_of(number, name));
            }
            body.push_str(&curve(column, at, &panel, outcome));
            if number + 1 == rows.len() {
                body.push_str(&seconds_below(&panel, rows.len()));
            }
        }
    }
    picture(title, rows.len(), &body)
}

fn curve(column: &Column, at: usize, panel: &Panel, outcome: &Outcome) -> String {
    let traces = &outcome.traces;
    let (values, limit) = match at {
        0 => (&traces.workers, None),
        1 => (&traces.media_bytes, Some(f64::from(outcome.limits.media_bytes_per_second))),
        _ => (&traces.crowd_entries, Some(f64::from(outcome.limits.entries_per_second))),
    };
    let scaled = if at == 0 { column.top } else { column.top * outcome.scenario.scale };
    let storm = outcome.scenario.times.storm.as_secs_f64();
    let mut svg = panel.ground(storm, &[(0.0, "0".to_owned()), (1.0, (column.label)(scaled))]);
    let mut path = format!("M{:.1} {:.1}", panel.x, panel.down(0.0));
    for (second, value) in values.iter().enumerate() {
        let (x, y) = (panel.at(traces.from + second as f64), panel.down(value / scaled));
        let next = panel.at(traces.from + second as f64 + 1.0);
        let _written = write!(path, "L{x:.1} {y:.1}L{next:.1} {y:.1}");
    }
    let end = panel.at(traces.from + values.len() as f64);
    let _written = write!(svg, "<path class='area' d='{path}L{end:.1} {:.1}Z'/>", panel.down(0.0));
    if let Some(limit) = limit {
        let y = panel.down(limit / scaled);
        let _written = write!(
            svg,
            "<line class='limit' x1='{:.1}' x2='{:.1}' y1='{y:.1}' y2='{y:.1}'/>",
            panel.x,
            panel.x + panel.width
        );
    }
    svg
}
