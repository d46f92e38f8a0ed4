//! Hashes of strings, and strings that nobody else can read.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha384, Sha512};

/// Bytes of such work that count as an instruction.
const BYTES_FOR_ONE: usize = 1024;

/// The form of what `string.encrypt` gives: this byte, the salt, then the text and its tag.
const FORM: u8 = 1;
const SALT_BYTES: usize = 16;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.hash", "A number that differs for most strings that differ.",
            (Param::string("string", "The string.")),
            Integer, Pure, ["string.hash( \"a\" ) == string.hash( \"a\" )" => "1", "string.hash( \"a\" ) == string.hash( \"b\" )" => "0"],
            "32 bits with a sign, so it may be below 0. Another release may give another number. It protects nothing: \
             whoever wants two strings with one number finds them.",
            |call| digested(call, |text| i64::from(fnv(text)).into())
        ),
        row!(
            "string.hashMD5", "The MD5 hash of a string, as 16 bytes.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.hexencode( string.hashMD5( \"abc\" ) )" => "900150983CD24FB0D6963F7D28E17F72"],
            "Broken: for things that are compared with others' MD5 only.",
            |call| digested(call, |text| Md5::digest(text).as_slice().into())
        ),
        row!(
            "string.hashSHA1", "The SHA-1 hash of a string, as 20 bytes.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.hexencode( string.hashSHA1( \"abc\" ) )" => "A9993E364706816ABA3E25717850C26C9CD0D89D"],
            "Broken: for things that are compared with others' SHA-1 only.",
            |call| digested(call, |text| Sha1::digest(text).as_slice().into())
        ),
        row!(
            "string.hashSHA256", "The SHA-256 hash of a string, as 32 bytes.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.left( string.hexencode( string.hashSHA256( \"abc\" ) ), 16 )" => "BA7816BF8F01CFEA"],
            "Bytes, not digits: `string.hexencode` makes digits of them.",
            |call| digested(call, |text| Sha256::digest(text).as_slice().into())
        ),
        row!(
            "string.hashSHA384", "The SHA-384 hash of a string, as 48 bytes.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.left( string.hexencode( string.hashSHA384( \"abc\" ) ), 16 )" => "CB00753F45A35E8B"],
            "Bytes, not digits: `string.hexencode` makes digits of them.",
            |call| digested(call, |text| Sha384::digest(text).as_slice().into())
        ),
        row!(
            "string.hashSHA512", "The SHA-512 hash of a string, as 64 bytes.",
            (Param::string("string", "The string.")),
            String, Pure,
            ["string.left( string.hexencode( string.hashSHA512( \"abc\" ) ), 16 )" => "DDAF35A193617ABA"],
            "Bytes, not digits: `string.hexencode` makes digits of them.",
            |call| digested(call, |text| Sha512::digest(text).as_slice().into())
        ),
        row!(
            "string.randomBytes", "Random bytes.",
            (Param::integer("length", "How many.")),
            String, Reads, ["string.length( string.randomBytes( 16 ) )" => "16", "string.randomBytes( 0 )" => ""],
            "Nobody can foresee them. The empty string, if `length` is 0 or less.",
            |call| random_bytes(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "string.encrypt", "A string that only somebody with the pass phrase can read.",
            (Param::string("string", "The string."), Param::string("passphrase", "The pass phrase.")),
            String, Reads,
            ["string.decrypt( string.encrypt( \"attack at dawn\", \"secret\" ), \"secret\" )" => "attack at dawn"],
            "AES-256-GCM, so a change is noticed; the key is made from the pass phrase and a random salt by HKDF-SHA-256. \
             33 bytes longer than the string, and different each time. Nothing slows down guessing: the pass phrase should \
             be long and random. Whoever records the result can send it again.",
            |call| encrypt(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "string.decrypt", "The string that `string.encrypt` made unreadable.",
            (Param::string("string", "What `string.encrypt` gave."), Param::string("passphrase", "The pass phrase.")),
            String, Pure,
            ["string.decrypt( \"nothing of the kind\", \"secret\" ) == \"\"" => "1"],
            "The empty string, if the pass phrase is another, or a single bit has been changed.",
            |call| decrypt(call).unwrap_or_else(Answer::Fault)
        ),
    ]
}

fn count_work<H: Host>(call: &mut Call<'_, H>, bytes: usize) -> Result<(), FaultKind> {
    call.burn((bytes / BYTES_FOR_ONE) as u64)
}

fn digested<H: Host>(call: &mut Call<'_, H>, digest: fn(&[u8]) -> Answer) -> Answer {
    let text = call.bytes(0);
    count_work(call, text.len()).map_or_else(Answer::Fault, |()| digest(&text))
}

/// FNV-1a with 32 bits.
fn fnv(text: &[u8]) -> i32 {
    let hash =
        text.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}

fn random_bytes<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let length = super::count(call.integer(0));
    if length > call.memory_left() {
        return Err(call.out_of_memory());
    }
    count_work(call, length)?;
    let mut bytes = vec![0; length];
    call.host.random(&mut bytes);
    Ok(bytes.into())
}

/// The cipher of one text: key and nonce are of its own salt, so no pair of them is used twice.
fn cipher(passphrase: &[u8], salt: &[u8]) -> Option<(Aes256Gcm, [u8; 12])> {
    let mut made = [0; 44];
    Hkdf::<Sha256>::new(Some(salt), passphrase).expand(b"tidegate string.encrypt 1", &mut made).ok()?;
    let (key, nonce) = made.split_at(32);
    Some((Aes256Gcm::new_from_slice(key).ok()?, nonce.try_into().ok()?))
}

fn encrypt<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let (text, passphrase) = (call.bytes(0), call.bytes(1));
    count_work(call, text.len())?;
    if text.len() > call.memory_left() {
        return Err(call.out_of_memory());
    }
    let mut salt = [0; SALT_BYTES];
    call.host.random(&mut salt);
    let mut out = vec![FORM];
    out.extend_from_slice(&salt);
    let sealed = cipher(&passphrase, &salt).and_then(|(cipher, nonce)| {
        let payload = Payload { msg: &text, aad: &out };
        cipher.encrypt(&Nonce::from(nonce), payload).ok()
    });
    let Some(sealed) = sealed else {
        call.warn("string.encrypt cannot encrypt a string of this length");
        return Ok("".into());
    };
    out.extend_from_slice(&sealed);
    Ok(out.into())
}

fn decrypt<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let (sealed, passphrase) = (call.bytes(0), call.bytes(1));
    count_work(call, sealed.len())?;
    let opened = sealed.split_at_checked(1 + SALT_BYTES).and_then(|(head, sealed)| {
        let salt = head.strip_prefix(&[FORM])?;
        let (cipher, nonce) = cipher(&passphrase, salt)?;
        cipher.decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: head }).ok()
    });
    Ok(opened.unwrap_or_default().into())
}
