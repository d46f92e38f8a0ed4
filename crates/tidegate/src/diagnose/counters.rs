//! Counters of the machine, or of files that look like them.

use super::Run;
use crate::times::now_unix_micros;
use crate::verdict::Mistake;
use analyser::pressure::{Pressure, Reading, Roots, Socket};
use std::io::Write;
use std::path::Path;

/// Under which name the last reading is kept.
const LAST: &str = "reading.json";

/// Where the kernel shows them.
const PROC: &str = "/proc";

/// What counters say; `None` if nobody asked.
pub(super) fn look(run: &Run<'_>) -> anyhow::Result<Option<Pressure>> {
    let options = run.options;
    if let [first, rest @ ..] = options.beancounters.as_slice() {
        let earlier = read(first)?;
        return Ok(Some(match rest.first() {
            Some(later) => Pressure::of(Some(&earlier), &read(later)?, None),
            None => Pressure::of(None, &earlier, None),
        }));
    }
    if !run.is_here && options.proc_root.is_none() && options.every.is_none() {
        return Ok(None);
    }
    let is_this_machine = options.proc_root.is_none();
    let roots = Roots::beside(options.proc_root.as_deref().unwrap_or(Path::new(PROC)), page_bytes());
    let first = Reading::take(&roots, run.now_unix_micros);
    let remembered = if is_this_machine { recall(run)? } else { None };
    let mut last = first.clone();
    let mut before = remembered;
    if let Some(every) = options.every {
        let (mut count, most) = (1, options.readings.map_or(u32::MAX, std::num::NonZeroU32::get));
        run.tell(&format!("looks on every {} s; Ctrl-C ends it", every.as_secs_f64()))?;
        while count < most && run.watch.wait(every) {
            let now = Reading::take(&roots, now_unix_micros());
            run.watch.hide(|| {
                let said = Pressure::of(Some(&last), &now, None);
                writeln!(std::io::stderr(), "{}  {}", jiff::Zoned::now().strftime("%H:%M:%S"), said.sentence)
            })?;
            last = now;
            count += 1;
        }
        before = Some(first);
    }
    if is_this_machine
        && let Some(state) = &run.state
        && let Err(why) = state.write(LAST, &last)
    {
        run.tell(&format!("this reading is not remembered: {why:#}"))?;
    }
    let sockets = if is_this_machine { sockets(run)? } else { None };
    Ok(Some(Pressure::of(before.as_ref(), &last, sockets.as_deref())))
}

/// Who holds the send buffers now; where the kernel does not say, that is told, and the rest goes on.
fn sockets(run: &Run<'_>) -> anyhow::Result<Option<Vec<Socket>>> {
    match crate::tcp_sockets::read() {
        Ok(sockets) => Ok(Some(sockets)),
        Err(why) => {
            run.tell(&format!("{why:#}"))?;
            Ok(None)
        }
    }
}

/// The last reading; one that is broken is told of and forgotten.
fn recall(run: &Run<'_>) -> anyhow::Result<Option<Reading>> {
    let Some(state) = &run.state else { return Ok(None) };
    match state.read(LAST) {
        Ok(reading) => Ok(reading),
        Err(why) => {
            run.tell(&format!("{why:#}"))?;
            Ok(None)
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Reading> {
    Reading::of_beancounters_file(path).map_err(|why| {
        let words = crate::disk::words(&why);
        let hint = match why.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "; only root may read these counters: run it as root, or give a copy"
            }
            _ => "",
        };
        Mistake(format!("cannot read {}: {words}{hint}", path.display())).into()
    })
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}
