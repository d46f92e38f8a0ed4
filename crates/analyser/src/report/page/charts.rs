//! Pictures: bytes in time, shares as bars within tables, ranges against ranges.
//!
//! Letters stand beside the drawings and not in them, so that they have the same size on a phone.

use super::html::Html;
use crate::human;
use crate::log::{Point, Series, Span};
use crate::pressure::Room;
use crate::report::Log;
use crate::report::shown::{Detail, moment, plain};

/// Bars of the picture in time.
const BARS_MAX: usize = 180;
/// Rows of a table.
const ROWS_MAX: usize = 10;

/// Bytes in time, what is usual, and what stands out.
pub(super) fn in_time(html: &mut Html, log: &Log) {
    let series = &log.summary.series;
    let (points, step) = folded(series);
    let most =
        points.iter().map(|point| point.bytes.max(point.usual_bytes.unwrap_or(0))).max().unwrap_or(0).max(1);
    let span = log.summary.span.as_ref();
    let marked = points.iter().filter(|point| point.is_unusual).count();
    let has_usual = points.iter().any(|point| point.usual_bytes.is_some());
    html.raw(
        "<section aria-labelledby=\"in-time\"><h2 id=\"in-time\">Bytes in time</h2><div class=\"legend\">",
    );
    html.raw("<span><span class=\"key key-b\"></span>").text("each bar ").text(&length(step)).raw("</span>");
    if marked > 0 {
        html.raw("<span><span class=\"key key-x\"></span>stands out against the usual</span>");
    }
    if has_usual {
        html.raw("<span><span class=\"key key-u\"></span>usual</span>");
    }
    html.raw("</div><div class=\"axis\"><span>").text(&human::bytes(most)).raw("</span></div>");
    html.raw("<svg class=\"series\" preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"in-time-t\" viewBox=\"0 0 ");
    html.number(count(points.len())).raw(" 100\"><title id=\"in-time-t\">");
    html.text(&described(&points, step, series.from_unix, span)).raw("</title>");
    for (place, point) in points.iter().enumerate() {
        let height = share(point.bytes, most) * 100.0;
        let height = if point.bytes > 0 { height.max(0.6) } else { 0.0 };
        html.raw(if point.is_unusual { "<rect class=\"x\" x=\"" } else { "<rect class=\"b\" x=\"" });
        html.number(count(place) + 0.06).raw("\" width=\"0.88\" y=\"").number(100.0 - height);
        html.raw("\" height=\"").number(height).raw("\"><title>");
        html.text(&point_said(point, place, step, series.from_unix, span)).raw("</title></rect>");
    }
    if has_usual {
        html.raw("<polyline class=\"usual\" points=\"");
        for (place, point) in points.iter().enumerate() {
            if let Some(usual) = point.usual_bytes {
                html.number(count(place) + 0.5).raw(",").number(100.0 - share(usual, most) * 100.0).raw(" ");
            }
        }
        html.raw("\"/>");
    }
    html.raw("</svg><div class=\"axis\">");
    let last = points.len().saturating_sub(1);
    for place in [0, last / 2, last] {
        html.element("<span>", &moment(at(series.from_unix, place, step), span, Detail::Hour), "</span>");
    }
    html.raw("</div>");
    table_in_time(html, &points, step, series.from_unix, span);
    html.raw("</section>");
}

fn table_in_time(html: &mut Html, points: &[Point], step: u64, from_unix: i64, span: Option<&Span>) {
    html.raw("<details><summary>The same as a table</summary><div class=\"scroll\"><table><thead><tr><th>from</th>");
    html.raw("<th class=\"n\">requests</th><th class=\"n\">bytes</th><th class=\"n\">usual</th><th></th></tr></thead><tbody>");
    for (place, point) in points.iter().enumerate() {
        html.element("<tr><td>", &moment(at(from_unix, place, step), span, Detail::Minute), "</td>");
        html.element("<td class=\"n\">", &human::count(point.requests), "</td>");
        html.element("<td class=\"n\">", &human::bytes(point.bytes), "</td>");
        let usual = point.usual_bytes.map_or_else(|| "-".to_owned(), human::bytes);
        html.element("<td class=\"n\">", &usual, "</td>");
        html.raw(if point.is_unusual { "<td class=\"bad\">stands out</td></tr>" } else { "<td></td></tr>" });
    }
    html.raw("</tbody></table></div></details>");
}

fn described(points: &[Point], step: u64, from_unix: i64, span: Option<&Span>) -> String {
    let marked: Vec<String> = points
        .iter()
        .enumerate()
        .filter(|(_, point)| point.is_unusual)
        .take(6)
        .map(|(place, point)| point_said(point, place, step, from_unix, span))
        .collect();
    let end = moment(at(from_unix, points.len(), step), span, Detail::Minute);
    let start = moment(from_unix, span, Detail::Minute);
    if marked.is_empty() {
        format!("Bytes from {start} to {end}; nothing stands out.")
    } else {
        format!("Bytes from {start} to {end}; what stands out: {}.", marked.join("; "))
    }
}

fn point_said(point: &Point, place: usize, step: u64, from_unix: i64, span: Option<&Span>) -> String {
    let when = moment(at(from_unix, place, step), span, Detail::Minute);
    let usual = point.usual_bytes.map(|usual| format!(", usual {}", human::bytes(usual))).unwrap_or_default();
    format!("{when}: {}, {} requests{usual}", human::bytes(point.bytes), human::count(point.requests))
}

/// A row of a table with a bar.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) is_accused: bool,
    pub(super) bytes: u64,
    pub(super) requests: u64,
    pub(super) clients: Option<u64>,
    pub(super) no_page: Option<f64>,
}

/// A table whose rows have a bar for their bytes.
pub(super) fn bars(html: &mut Html, title: &'static str, what: &'static str, rows: &[Row], total: u64) {
    let rows = &rows[..rows.len().min(ROWS_MAX)];
    if rows.is_empty() {
        return;
    }
    let most = rows.iter().map(|row| row.bytes).max().unwrap_or(0).max(1);
    let has_clients = rows.iter().any(|row| row.clients.is_some());
    let has_pages = rows.iter().any(|row| row.no_page.is_some());
    html.raw("<section><h2>").raw(title).raw("</h2><div class=\"scroll\"><table><thead><tr><th>").raw(what);
    html.raw("</th><th class=\"wide-only\"></th><th class=\"n\">bytes</th>");
    html.raw(if has_pages {
        "<th class=\"n wide-only\">requests</th>"
    } else {
        "<th class=\"n\">requests</th>"
    });
    if has_clients {
        html.raw("<th class=\"n wide-only\">clients</th>");
    }
    if has_pages {
        html.raw("<th class=\"n\">no page</th>");
    }
    html.raw("</tr></thead><tbody>");
    for row in rows {
        html.element("<tr><td class=\"name\">", &plain(&row.name, 160), "");
        if !row.about.is_empty() {
            html.element(
                if row.is_accused { " <span class=\"bad\">" } else { " <span class=\"soft\">" },
                &row.about,
                "</span>",
            );
        }
        html.raw("</td><td class=\"bar wide-only\"><svg class=\"strip\" role=\"img\"><title>");
        html.text(&human::percent(row.bytes, total))
            .raw(" of all bytes</title><rect class=\"t\" width=\"100%\" height=\"8\" rx=\"2\"/>");
        html.raw(if row.is_accused { "<rect class=\"x\"" } else { "<rect class=\"b\"" });
        html.raw(" height=\"8\" rx=\"2\" width=\"")
            .number(share(row.bytes, most) * 100.0)
            .raw("%\"/></svg></td>");
        html.element("<td class=\"n\">", &human::bytes(row.bytes), "</td>");
        let open = if has_pages { "<td class=\"n wide-only\">" } else { "<td class=\"n\">" };
        html.element(open, &human::count(row.requests), "</td>");
        if has_clients {
            html.element(
                "<td class=\"n wide-only\">",
                &row.clients.map_or_else(String::new, human::count),
                "</td>",
            );
        }
        if has_pages {
            html.element(
                "<td class=\"n\">",
                &row.no_page.map_or_else(|| "-".to_owned(), human::percent_of),
                "</td>",
            );
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div>");
    if has_pages {
        html.raw("<p class=\"soft\">no page: clients that got a media file from there and never opened a page here</p>");
    }
    html.raw("</section>");
}

/// How many downloads there were at once, against how many slow ones fill the buffers.
pub(super) fn at_once(html: &mut Html, log: &Log, room: Option<&Room>) {
    let concurrency = &log.summary.concurrency;
    let mut ranges: Vec<(&'static str, f64, f64, &'static str)> = vec![
        ("at once, on average", concurrency.mean_from, concurrency.mean_to, "b"),
        ("at once, at most", wide(concurrency.peak_from), wide(concurrency.peak_to), "b"),
    ];
    if let Some(room) = room {
        ranges.push((
            "slow ones that fill the buffers",
            wide(room.downloads.least),
            wide(room.downloads.most),
            "x",
        ));
    }
    let most = ranges.iter().map(|range| range.2).fold(1.0, f64::max) * 1.05;
    html.raw("<section><h2>Downloads at once, against the buffers</h2><div class=\"scroll\"><table><tbody>");
    for (name, from, to, class) in ranges {
        html.element(
            "<tr><td class=\"name\">",
            name,
            "</td><td class=\"bar\"><svg class=\"strip\" role=\"img\"><title>",
        );
        let said =
            if (from - to).abs() < 0.005 { short(to) } else { format!("{} to {}", short(from), short(to)) };
        html.text(&said).raw("</title><rect class=\"t\" width=\"100%\" height=\"8\" rx=\"2\"/>");
        html.raw(if class == "x" { "<rect class=\"x\"" } else { "<rect class=\"b\"" });
        let (start, end) = (from / most * 100.0, to / most * 100.0);
        html.raw(" height=\"8\" rx=\"2\" x=\"")
            .number(start.min(99.0))
            .raw("%\" width=\"")
            .number((end - start).max(1.0));
        html.raw("%\"/></svg></td>").element("<td class=\"n\">", &said, "</td></tr>");
    }
    html.raw("</tbody></table></div>");
    if !concurrency.is_exact {
        html.raw("<p class=\"soft\">The log does not say how long answers took: durations are bytes by an assumed 0.25 to 2 MB/s.</p>");
    }
    if let Some(room) = room {
        html.raw("<p class=\"soft\">").text(&room.sentence).raw("</p>");
    }
    html.raw("</section>");
}

/// A series in at most so many points: sums of bytes, whether anything in it stands out. And how long each is.
fn folded(series: &Series) -> (Vec<Point>, u64) {
    let each = series.points.len().div_ceil(BARS_MAX).max(1);
    let fold = |points: &[Point]| Point {
        requests: points.iter().map(|point| point.requests).sum(),
        bytes: points.iter().map(|point| point.bytes).sum(),
        usual_bytes: points.iter().map(|point| point.usual_bytes).sum::<Option<u64>>(),
        is_unusual: points.iter().any(|point| point.is_unusual),
    };
    let step = u64::from(series.step_seconds).saturating_mul(each as u64);
    (series.points.chunks(each).map(fold).collect(), step)
}

fn at(from_unix: i64, place: usize, step: u64) -> i64 {
    let offset = step.saturating_mul(place as u64);
    from_unix.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
}

fn length(step: u64) -> String {
    match step {
        3600 => "one hour".to_owned(),
        step if step % 3600 == 0 => format!("{} hours", step / 3600),
        step => format!("{step} s"),
    }
}

fn short(number: f64) -> String {
    if number >= 10.0 || number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

#[expect(clippy::cast_precision_loss, reason = "a picture")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a picture")]
fn wide(number: u64) -> f64 {
    number as f64
}

fn share(part: u64, whole: u64) -> f64 {
    human::share(part, whole)
}
