//! Reads the files of a mail log, oldest first.

use super::moment::{self, FirstYear};
use super::{Mail, MailReader, MailSettings};
use crate::input::unpacked;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The longest line that is read; what is beyond is dropped. Exim's longest real lines list some hundred recipients.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// What is read of a spool file: its head, not its body.
const SPOOLED_BYTES_MAX: u64 = 256 << 10;

/// So many lines without a time say that a file is no mail log.
const LINES_WITHOUT_TIME_MAX: usize = 1000;

/// A file and where its times begin.
struct Log {
    path: PathBuf,
    first_year: i32,
    /// As if local time were UTC: good enough to put files in order.
    begins: i64,
}

/// Reads logs, packed or not, and spool files or heads of messages (`-H`, output of `exim -Mvh` or `postcat`). `progress` is told the bytes
/// read of logs, and may break off; then the result is marked as partial. A file that cannot be read is named in
/// [`Lines::problems`](super::Lines::problems), and the others are read.
pub fn read_files(
    logs: &[PathBuf],
    spooled: &[PathBuf],
    settings: MailSettings,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Mail {
    let now = settings.now_unix_seconds;
    let mut reader = MailReader::new(settings);
    let mut ordered = Vec::new();
    for path in logs {
        match look(path, now) {
            Ok(log) => ordered.push(log),
            Err(error) => reader.lines.problems.push(format!("{}: {error}", path.display())),
        }
    }
    // rotated sets are read oldest first, whatever their names say
    ordered.sort_by_key(|log| log.begins);
    for log in &ordered {
        match read_log(&mut reader, log, progress) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => {
                reader.break_off();
                break;
            }
            Err(error) => reader.lines.problems.push(format!("{}: {error}", log.path.display())),
        }
    }
    for path in spooled {
        let mut text = Vec::new();
        match unpacked(path).and_then(|file| file.take(SPOOLED_BYTES_MAX).read_to_end(&mut text)) {
            Ok(_) => reader.spooled(&text),
            Err(error) => reader.lines.problems.push(format!("{}: {error}", path.display())),
        }
    }
    reader.finish()
}

/// Finds the first time of a file, and in which year it is: where lines have no year, the whole file has to be looked
/// at, since only its end is known to be before the file was last written.
fn look(path: &Path, now_unix_seconds: i64) -> io::Result<Log> {
    if path.as_os_str() == "-" {
        // standard input can be read once only; its first line is taken to be of this year
        let year = Timestamp::from_second(now_unix_seconds)
            .map_or(1970, |now| TimeZone::UTC.to_datetime(now).year());
        return Ok(Log { path: path.to_owned(), first_year: i32::from(year), begins: i64::MAX });
    }
    let written = std::fs::metadata(path)?.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let reference = written
        .map_or(now_unix_seconds, |at| i64::try_from(at.as_secs()).unwrap_or(i64::MAX))
        .min(now_unix_seconds);
    let mut years = FirstYear::default();
    let mut first = None;
    let mut without = 0;
    let mut lines = Lines::of(unpacked(path)?);
    while let Some(line) = lines.next()? {
        let text = String::from_utf8_lossy(line.get(..line.len().min(64)).unwrap_or_default());
        // a time within the cut is enough
        let Some((stamp, _)) = moment::read(&text) else {
            without += 1;
            if first.is_none() && without >= LINES_WITHOUT_TIME_MAX {
                break;
            }
            continue;
        };
        if stamp.year.is_some() {
            let is_first = first.is_none();
            first.get_or_insert(stamp.local_seconds(stamp.year.unwrap_or(1970)));
            if is_first {
                break;
            }
        } else {
            first.get_or_insert_with(|| stamp.local_seconds(1970));
            years.look(&stamp);
        }
    }
    let year = years.year(reference);
    let begins =
        first.unwrap_or(0) + year.map_or(0, |year| (i64::from(year) - 1970).saturating_mul(31_556_952));
    Ok(Log { path: path.to_owned(), first_year: year.unwrap_or(1970), begins })
}

fn read_log(
    reader: &mut MailReader,
    log: &Log,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    reader.begin_file(&log.path.display().to_string(), log.first_year);
    let mut lines = Lines::of(unpacked(&log.path)?);
    let mut told = 0;
    while let Some(line) = lines.next()? {
        reader.line(line);
        if lines.bytes - told >= 1 << 20 {
            if progress(lines.bytes - told).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            told = lines.bytes;
        }
    }
    Ok(progress(lines.bytes - told))
}

/// Lines of bounded length.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    const fn of(from: R) -> Self {
        Self { from, line: Vec::new(), bytes: 0 }
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = self.from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.bytes += read as u64;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read as u64 == LINE_BYTES_MAX {
            self.bytes += self.from.skip_until(b'\n')? as u64;
        }
        Ok(Some(&self.line))
    }
}
