//! What the sample site holds: a blog that follows one song a week, with its covers as audio.

use bytes::{BufMut, Bytes, BytesMut};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::fmt::Write;
use std::rc::Rc;

/// The pages.
pub(crate) const PAGES: [&str; 4] = ["/", "/week-1", "/week-2", "/week-3"];

/// The audio files.
pub(crate) const AUDIO: [&str; 5] = [
    "/audio/cover-1.wav",
    "/audio/cover-2.wav",
    "/audio/cover-3.wav",
    "/audio/cover-4.wav",
    "/audio/cover-5.wav",
];

/// What a browser fetches for a page, besides itself.
pub(crate) fn page_parts() -> [&'static str; 5] {
    ["/style.css", "/images/1.svg", "/images/2.svg", "/images/3.svg", "/images/4.svg"]
}

const SAMPLES_PER_SECOND: u32 = 22_050;
const BYTES_PER_SECOND: u32 = SAMPLES_PER_SECOND * 2;
const WAV_HEAD_BYTES: u64 = 44;
/// Whole numbers of oscillations a second, so that a second of a note can be repeated without a click.
const NOTES_HZ: [u16; 8] = [262, 294, 330, 349, 392, 440, 494, 523];
/// Circles of a picture; they make it some 25 KB.
const CIRCLES: u32 = 290;

/// A thing that can be asked for.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) content_type: &'static str,
    /// Pages cost work, the rest does not.
    pub(super) is_page: bool,
    pub(super) material: Material,
    pub(super) etag: String,
}

/// The bytes of a thing.
#[derive(Clone)]
pub(super) enum Material {
    Text(Bytes),
    Tune(Tune),
}

impl Material {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Tune(tune) => WAV_HEAD_BYTES + u64::from(tune.seconds) * u64::from(BYTES_PER_SECOND),
        }
    }

    /// At most so many bytes from here on; fewer where it is convenient, none at the end only.
    pub(super) fn piece(&self, at: u64, max: u64) -> Bytes {
        let (whole, at) = match self {
            Self::Text(text) => (text.clone(), at),
            Self::Tune(tune) => tune.part(at),
        };
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(whole.len());
        let end = start.saturating_add(usize::try_from(max).unwrap_or(usize::MAX)).min(whole.len());
        whole.slice(start..end)
    }
}

/// An audio file: a WAV of a melody, made a note at a time when it is asked for.
#[derive(Clone)]
pub(super) struct Tune {
    seconds: u32,
    number: u32,
    notes: Rc<Notes>,
}

/// A second of each note.
#[derive(Default)]
struct Notes([OnceCell<Bytes>; NOTES_HZ.len()]);

impl Tune {
    /// The head, or the note, that holds this byte, and the byte's place in it.
    fn part(&self, at: u64) -> (Bytes, u64) {
        let Some(in_samples) = at.checked_sub(WAV_HEAD_BYTES) else { return (self.head(), at) };
        let second = in_samples / u64::from(BYTES_PER_SECOND);
        if second >= u64::from(self.seconds) {
            return (Bytes::new(), 0);
        }
        let step = u64::from(self.number) * 2 + 1;
        let note = usize::try_from(second * step % NOTES_HZ.len() as u64).unwrap_or(0);
        (self.notes.note(note), in_samples % u64::from(BYTES_PER_SECOND))
    }

    fn head(&self) -> Bytes {
        let data = self.seconds * BYTES_PER_SECOND;
        let mut head = BytesMut::with_capacity(44);
        head.put_slice(b"RIFF");
        head.put_u32_le(data + 36);
        head.put_slice(b"WAVEfmt ");
        head.put_u32_le(16);
        head.put_u16_le(1); // PCM
        head.put_u16_le(1); // mono
        head.put_u32_le(SAMPLES_PER_SECOND);
        head.put_u32_le(BYTES_PER_SECOND);
        head.put_u16_le(2);
        head.put_u16_le(16);
        head.put_slice(b"data");
        head.put_u32_le(data);
        head.freeze()
    }
}

impl Notes {
    fn note(&self, index: usize) -> Bytes {
        self.0[index].get_or_init(|| tone(NOTES_HZ[index])).clone()
    }
}

/// A second of a tone that fades.
fn tone(hertz: u16) -> Bytes {
    let mut samples = BytesMut::with_capacity(BYTES_PER_SECOND as usize);
    for index in 0..SAMPLES_PER_SECOND {
        let time = f64::from(index) / f64::from(SAMPLES_PER_SECOND);
        let loudness = (1.0 - time) * (time * 200.0).min(1.0) * 12_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "at most 12,000")]
        samples.put_i16_le(((TAU * f64::from(hertz) * time).sin() * loudness) as i16);
    }
    samples.freeze()
}

/// All that is there, by path.
pub(super) fn all() -> BTreeMap<&'static str, Item> {
    let mut items = BTreeMap::new();
    let mut put = |path: &'static str, content_type, material: Material| {
        let etag = format!("\"{}-{:x}\"", path.len(), material.len());
        let is_page = content_type == HTML;
        items.insert(path, Item { content_type, is_page, material, etag });
    };
    for (number, path) in (0..).zip(PAGES) {
        put(path, HTML, Material::Text(page(number).into()));
    }
    for (number, path) in (0..).zip(page_parts()) {
        if number == 0 {
            put(path, "text/css", Material::Text(STYLE.into()));
        } else {
            put(path, "image/svg+xml", Material::Text(picture(number).into()));
        }
    }
    let notes = Rc::new(Notes::default());
    for (number, path) in (0..).zip(AUDIO) {
        let tune = Tune { seconds: 100 + 15 * number, number, notes: Rc::clone(&notes) };
        put(path, "audio/wav", Material::Tune(tune));
    }
    items
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "body { font: 18px/1.5 serif; max-width: 40em; margin: 2em auto; color: #222; }\n\
    img { width: 23%; } audio { width: 100%; } nav a { margin-right: 1em; }\n";

fn page(number: usize) -> String {
    let title = if number == 0 { "One song a week".to_owned() } else { format!("Week {number}") };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<title>{title}</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
         <h1>{title}</h1>\n<nav>"
    );
    // Writing to a string cannot fail.
    for (place, path) in PAGES.iter().enumerate() {
        let name = if place == 0 { "Start".to_owned() } else { format!("Week {place}") };
        let _written = write!(html, "<a href=\"{path}\">{name}</a>");
    }
    html.push_str("</nav>\n<p>One song, followed through the covers that others made of it.</p>\n<p>\n");
    for part in page_parts().iter().skip(1) {
        let _written = writeln!(html, "<img src=\"{part}\" alt=\"the sleeve of a record\">");
    }
    html.push_str("</p>\n");
    for (place, path) in (1..).zip(AUDIO) {
        let _written = writeln!(
            html,
            "<p>Cover {place}<br><audio controls preload=\"none\" src=\"{path}\"></audio></p>"
        );
    }
    html
}

/// The sleeve of a record: circles of many colours.
fn picture(number: u32) -> String {
    let mut svg =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 400\">\n<rect width=\"400\" height=\"400\"/>\n"
            .to_owned();
    let mut state = number.wrapping_mul(2_654_435_769);
    let mut up_to = |max: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % max
    };
    for _ in 0..CIRCLES {
        let (x, y, radius, hue) = (up_to(400), up_to(400), 4 + up_to(50), up_to(360));
        let _written = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"hsl({hue}, 60%, 50%)\" fill-opacity=\"0.4\"/>"
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_thing_can_be_had_and_a_piece_is_the_same_from_wherever_it_is_read() {
        for (path, item) in all() {
            let mut whole = Vec::new();
            loop {
                let piece = item.material.piece(whole.len() as u64, 16 * 1024);
                if piece.is_empty() {
                    break;
                }
                whole.extend_from_slice(&piece);
            }
            assert_eq!(whole.len() as u64, item.material.len(), "{path}");
            let middle = whole.len() / 2;
            assert_eq!(item.material.piece(middle as u64, 2)[..], whole[middle..middle + 2], "{path}");
        }
    }

    #[test]
    fn the_audio_files_are_wav_and_large() {
        let items = all();
        for path in AUDIO {
            let material = &items[path].material;
            assert!((4_000_000..8_000_000).contains(&material.len()), "{path}: {}", material.len());
            assert_eq!(material.piece(0, 4), "RIFF");
            assert_eq!(material.piece(8, 8), "WAVEfmt ");
        }
    }

    #[test]
    fn what_a_page_names_is_there() {
        let items = all();
        for path in PAGES {
            let html = String::from_utf8(items[path].material.piece(0, u64::MAX).to_vec()).unwrap();
            let named = html.split(['"']).filter(|text| text.starts_with('/')).collect::<Vec<_>>();
            assert!(named.len() > 10);
            for target in named {
                assert!(items.contains_key(target), "{path} names {target}");
            }
        }
    }
}
