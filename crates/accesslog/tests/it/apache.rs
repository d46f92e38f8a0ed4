//! Apache itself as the measure: it logs hostile requests in many formats, and our lines must equal its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use accesslog::{ConnectionState, Entry, Format, Layout, LineReader, Read};

use crate::{Fields, line};

const APACHE: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// Who asks for the private page: a name with every kind of byte that is escaped.
const USER: &[u8] = b"\x07\x08\t\n\x0b\x0c\r\x1b\x7f\xff\"\\ ";

/// What Apache alone knows: our entry takes these from its line, all other lines must then follow.
const NUMBERS: &str = "%{usec}t %D %B %I %O %X %k %>s %{remote}p";

/// Compared for every request.
const FORMATS: [&str; 20] = [
    NUMBERS,
    r#"%h %l %u %t "%r" %>s %b"#,
    r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
    r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#,
    r"%{X-Odd}i|%{X-Missing}i|%{X-Empty}i|%{x-odd}i",
    r"%400,404{X-Odd}i|%!200,304{X-Odd}i|%200{X-Odd}i|%{X-Odd}!404i|%404>s",
    r"%{sid}C|%{SID}C|%{other}C|%{none}C",
    r"%A %a %{c}a %{c}h %v %p %{local}p %{canonical}p",
    r"%{Content-Type}o|%{Content-Length}o|%{X-Answer}o|%{None}o",
    r"%{sec}t %{msec}t %{usec}t %{msec_frac}t %{usec_frac}t %{begin}t %{}t",
    r"%{begin:%F %T}t %{begin:usec_frac}t %{begin:sec}t",
    r"%{%a %A %b %B %c %C %d %D %e %F %g %G %h %H %I %j %k %l %m %M %p %r %R %s %S}t",
    r"%{%T %u %U %V %w %W %x %X %y %Y %z %Z %%}t %{%d/%b/%Y:%H:%M:%S %z}t",
    r"%T %{s}T %{ms}T %{us}T %D",
    r"%I %O %S %B %b %X %k %s %<s %>s",
    r#"tab\tback\\quote"other\q 100%% "#,
    r"%l %{nothing}n %{NOTHING}e %{X-T}^ti %{X-T}^to %^FB",
    r#""%r" "%{User-Agent}i""#,
    r"%m %H %q",
    r"%V %U",
];
/// The last two show what Apache made of the request line; of garbage it makes things of its own.
const FOR_ANY_LINE: usize = 18;

#[test]
fn hostile_requests_are_logged_byte_for_byte_as_apache_logs_them() {
    if !Path::new(APACHE).exists() {
        eprintln!("skipped: {APACHE} is not installed, so our lines were not compared with Apache's");
        return;
    }
    let mut server = Server::start();
    let all_allowed: Vec<u8> = (b' '..=255).filter(|byte| *byte != 0x7f).collect();
    let mut requests = vec![
        Request::get("/page.html"),
        Request::get("/%07%08%0b%0c%1b%7f%22%5c.html?%0a"),
        Request::get("/page.html?q=\"x\"\\y&z=%41"),
        Request::get("/missing%20page%22%ff.html?a#b"),
        Request::get("/caf\u{e9}.html"),
        Request::get("http://FRONT.example/page.html?y"),
        Request::get("/private/page.html").with("Authorization", b"Basic BwgJCgsMDRt//yJcIDpwYXNzd29yZA=="),
        Request { method: "HEAD", ..Request::get("/page.html") },
        Request::get("/page.html").with("Range", b"bytes=0-3"),
        Request { raw_line: Some(b"\x16\x03\x01\x02"), ..Request::get("") },
        Request { raw_line: Some(b"GARBAGE \"quoted\\\" \x80\xff"), ..Request::get("") },
    ];
    for value in [&b"\"q\"\\back\ttab"[..], "\u{43f}\u{440}\u{438}".as_bytes(), b"-", b""] {
        requests.push(
            Request::get("/page.html").with("X-Odd", value).with("Referer", value).with("User-Agent", value),
        );
    }
    requests.push(Request::get("/page.html").with("X-Odd", &all_allowed));
    for request in &requests {
        server.compare(request);
    }
}

struct Request {
    method: &'static str,
    target: String,
    raw_line: Option<&'static [u8]>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Request {
    fn get(target: &str) -> Self {
        let mut request =
            Self { method: "GET", target: target.to_owned(), raw_line: None, fields: Vec::new() };
        for (name, value) in [("Host", "Front.example"), ("Connection", "close"), ("X-Empty", "")] {
            request = request.with(name, value.as_bytes());
        }
        request.with("Cookie", b"a=1; sid = \"x\" \xe9 ;other=a=b; none")
    }

    fn with(mut self, name: &str, value: &[u8]) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    fn line(&self) -> Vec<u8> {
        match self.raw_line {
            Some(line) => line.to_vec(),
            None => format!("{} {} HTTP/1.1", self.method, self.target).into_bytes(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&self.line()[..], b"\r\n"].concat();
        for (name, value) in &self.fields {
            bytes.extend([name, &b": "[..], value, b"\r\n"].concat());
        }
        [&bytes[..], b"\r\n"].concat()
    }

    /// The fields as any server reads them: without blanks around the value; of garbage, none are read.
    fn read_fields(&self) -> Fields {
        let trimmed = |value: &[u8]| value.trim_ascii().to_vec();
        Fields(match self.raw_line {
            Some(_) => Vec::new(),
            None => self.fields.iter().map(|(name, value)| (name.clone(), trimmed(value))).collect(),
        })
    }
}

/// Apache in the foreground, logging to its standard output, which a pipe brings here: nothing needs waiting for.
struct Server {
    child: Child,
    log: BufReader<ChildStdout>,
    port: u16,
    folder: PathBuf,
}

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("tidegate-accesslog-{port}"));
        fs::create_dir_all(folder.join("private")).unwrap();
        fs::write(folder.join("page.html"), "<p>hello</p>\n").unwrap();
        fs::write(folder.join("private/page.html"), "secret\n").unwrap();
        fs::write(folder.join("apache.conf"), configuration(&folder, port)).unwrap();
        let mut child = Command::new(APACHE)
            .args(["-DFOREGROUND", "-f"])
            .arg(folder.join("apache.conf"))
            .env("TZ", "UTC")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        while !said.contains("resuming normal operations") {
            assert!(errors.read_line(&mut said).unwrap() > 0, "Apache did not start: {said}");
        }
        // Apache must find somebody at the other end of its error log for as long as it runs.
        std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        let log = BufReader::new(child.stdout.take().unwrap());
        Self { child, log, port, folder }
    }

    fn compare(&mut self, request: &Request) {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        client.write_all(&request.bytes()).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        let lines: Vec<Vec<u8>> = FORMATS.iter().map(|_| self.next_line()).collect();

        let numbers = String::from_utf8(lines[0].clone()).unwrap();
        let numbers: Vec<&str> = numbers.split(' ').collect();
        let (request_fields, response_fields) = (request.read_fields(), answer_fields(&answer));
        let line_sent = request.line();
        let port = self.port;
        let entry = Entry {
            arrived_unix_micros: numbers[0].parse().unwrap(),
            utc_offset_seconds: 0,
            duration_micros: numbers[1].parse().unwrap(),
            first_byte_micros: None,
            client_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            client_port: numbers[8].parse().unwrap(),
            peer_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: port,
            user: request.target.starts_with("/private").then_some(USER),
            request_line: &line_sent,
            method: request.method.as_bytes(),
            target: request.target.as_bytes(),
            protocol: b"HTTP/1.1",
            status: numbers[7].parse().unwrap(),
            body_bytes_sent: numbers[2].parse().unwrap(),
            bytes_received: numbers[3].parse().unwrap(),
            bytes_sent: numbers[4].parse().unwrap(),
            connection_state: match numbers[5] {
                "X" => ConnectionState::Aborted,
                "+" => ConnectionState::KeptAlive,
                _ => ConnectionState::Closed,
            },
            requests_on_connection: numbers[6].parse::<u32>().unwrap() + 1,
            virtual_server: "front.example",
            host: Some(b"Front.example"),
            // What Apache does not know of is in none of the formats.
            ..crate::entry(&request_fields, &response_fields)
        };
        let compared = if request.raw_line.is_some() { FOR_ANY_LINE } else { FORMATS.len() };
        for (format, theirs) in FORMATS.iter().zip(&lines).take(compared) {
            let ours = line(&Format::parse(format).unwrap(), &entry);
            let (ours, theirs) = (String::from_utf8_lossy(&ours), String::from_utf8_lossy(theirs));
            assert_eq!(ours, theirs, "\n{format}\nof {}", String::from_utf8_lossy(&request.bytes()));
        }
        for (format, theirs) in FORMATS.iter().zip(&lines) {
            read_back(format, theirs, &entry);
        }
    }

    fn next_line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.log.read_until(b'\n', &mut line).unwrap();
        assert_eq!(line.pop(), Some(b'\n'), "Apache ended");
        line
    }
}

/// What Apache wrote is read as what was asked of it.
fn read_back(format: &str, line: &[u8], entry: &Entry<'_>) {
    // Not every format of the comparison is one that could be read: some have no time.
    let Ok(layout) = Layout::apache(format) else { return };
    let mut reader = LineReader::new(&layout);
    let Read::Line(read) = reader.read(line) else { panic!("{format}: {}", String::from_utf8_lossy(line)) };
    assert_eq!(read.mended, None, "{format}: {}", String::from_utf8_lossy(line));
    if layout.facts().has_referer {
        let referer = entry.request_fields.field(b"Referer").filter(|referer| **referer != *b"-");
        let found = read.referer.known().map(|text| text.decoded());
        assert_eq!(found, referer, "{format}");
    }
    if read.status != 0 {
        assert_eq!(read.status, entry.status, "{format}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failed test is already telling; what cannot be cleaned up now stays in the temporary folder.
        let _ = Command::new(APACHE).args(["-k", "stop", "-f"]).arg(self.folder.join("apache.conf")).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn answer_fields(answer: &[u8]) -> Fields {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let lines = answer[..end].split(|byte| *byte == b'\n').skip(1);
    Fields(
        lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                Some((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()))
            })
            .collect(),
    )
}

fn configuration(folder: &Path, port: u16) -> String {
    let modules = [
        "mpm_event",
        "authz_core",
        "authn_core",
        "authn_file",
        "authz_user",
        "auth_basic",
        "mime",
        "headers",
    ];
    let modules = modules.map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n")).concat();
    let quoted = |format: &str| format.replace('\\', "\\\\").replace('"', "\\\"");
    let logs = FORMATS.map(|format| format!("CustomLog /dev/stdout \"{}\"\n", quoted(format))).concat();
    let folder = folder.display();
    format!(
        "{modules}ServerName front.example:{port}\nListen 127.0.0.1:{port}\nUser www-data\nGroup www-data\n\
         PidFile {folder}/pid\nStartServers 1\nServerLimit 1\nThreadsPerChild 2\nMaxRequestWorkers 2\n\
         MinSpareThreads 1\nMaxSpareThreads 2\nDefaultRuntimeDir {folder}\nDocumentRoot {folder}\nErrorLog /dev/stderr\n\
         LogLevel notice\nHttpProtocolOptions Unsafe\nTypesConfig /dev/null\nAddType text/html .html\n\
         AddDefaultCharset utf-8\nHeader always set X-Answer \"a \\\"quoted\\\" answer\"\n\
         <Location /private>\nAuthType Basic\nAuthName p\nAuthUserFile {folder}/none\nRequire valid-user\n\
         </Location>\n{logs}"
    )
}
