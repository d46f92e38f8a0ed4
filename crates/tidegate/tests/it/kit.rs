//! The real binary, nodes that the test plays, and clients.

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long a test waits for what must come before it gives up; nothing here takes a tenth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// A folder with some files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Runs the binary to its end.
pub(crate) fn tidegate(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// The same, with something on standard input.
pub(crate) fn tidegate_reading(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = command(folder, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

/// Runs the binary with its input and output at hand.
pub(crate) fn server(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = command(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error} in {}\nstandard error: {}", text(&output.stdout), text(&output.stderr))
    })
}

/// A program that runs, and what it says.
pub(crate) struct Running {
    child: Child,
    errors: Receiver<String>,
    output: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::spawn(&mut command(folder, arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = lines_of(child.stderr.take().unwrap());
        let output = lines_of(child.stdout.take().unwrap());
        Self { child, errors, output, seen: Vec::new() }
    }

    /// The next line of standard error that holds this.
    pub(crate) fn hears(&mut self, wanted: &str) -> String {
        loop {
            let Ok(line) = self.errors.recv_timeout(PATIENCE) else {
                panic!("nobody said {wanted:?}, but:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// The next line of standard output that holds this.
    pub(crate) fn reads(&self, wanted: &str) -> String {
        let mut lines = std::iter::from_fn(|| self.output.recv_timeout(PATIENCE).ok());
        lines.find(|line| line.contains(wanted)).unwrap_or_else(|| panic!("no {wanted:?} on standard output"))
    }

    /// Its number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub(crate) fn seen(&self) -> String {
        self.seen.join("\n")
    }

    pub(crate) fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its end.
    pub(crate) fn ends(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// A proxy that is ready.
pub(crate) struct Proxy {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    /// `tidegate run` in this folder; it must become ready.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        // The usual place of a control socket is outside of this folder.
        let control: &[&str] = if arguments.contains(&"--control") { &[] } else { &["--control", "off"] };
        let arguments: Vec<&str> = ["run"].iter().chain(arguments).chain(control).copied().collect();
        Self::spawn(&mut command(folder, &arguments))
    }

    /// A command that is `tidegate run`; it must become ready.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut running = Running::spawn(command);
        let line = running.hears("ready on ");
        let address = line.split("ready on ").nth(1).unwrap();
        let end =
            address.find(|c: char| !(c.is_ascii_digit() || ".:[]".contains(c))).unwrap_or(address.len());
        let address = address[..end].parse().unwrap_or_else(|_| panic!("no address in {line:?}"));
        Self { running, address }
    }

    /// Asks for one thing on a connection of its own. `fields` are whole lines.
    pub(crate) fn get(&self, path: &str, fields: &[&str]) -> Answer {
        self.ask("GET", path, fields)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, fields: &[&str]) -> Answer {
        let mut client = Client::connect(self.address);
        client.send(&request(method, path, fields));
        client.rest(method)
    }

    /// Sends bytes as they stand and reads to the end.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut client = Client::connect(self.address);
        // The other side may have heard enough before all is said.
        let _refused = client.0.write_all(bytes);
        client.everything()
    }

    /// Stops it gently; it must end well.
    pub(crate) fn stop(self) {
        self.running.tell(Signal::TERM);
        assert!(self.running.ends().success());
    }
}

pub(crate) fn request(method: &str, path: &str, fields: &[&str]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n");
    for field in fields {
        text += field;
        text += "\r\n";
    }
    text + "\r\n"
}

/// An answer, its body as it was framed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        text(&self.body)
    }

    /// Whether as much came as the head said.
    pub(crate) fn is_whole(&self) -> bool {
        match self.field("Content-Length") {
            Some(length) => length.parse::<usize>().unwrap() == self.body.len(),
            None => self.body.ends_with(b"0\r\n\r\n"),
        }
    }
}

/// A client with one connection.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// From another address of the loopback.
    pub(crate) fn connect_from(from: Ipv4Addr, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The answer, read to the end of the connection.
    pub(crate) fn rest(&mut self, method: &str) -> Answer {
        let head = self.head();
        let mut body = Vec::new();
        // What a broken connection had brought is there all the same.
        let _broken = self.0.read_to_end(&mut body);
        let answer = Answer { status: status_of(&head), head, body };
        assert!(method != "HEAD" || answer.body.is_empty(), "{answer:?}");
        answer
    }

    /// The answer, by its Content-Length; the connection stays.
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let mut answer = Answer { status: status_of(&head), head, body: Vec::new() };
        let length = answer.field("Content-Length").map_or(0, |length| length.parse().unwrap());
        answer.body = vec![0; length];
        self.0.read_exact(&mut answer.body).unwrap();
        answer
    }

    pub(crate) fn everything(&mut self) -> String {
        let mut all = Vec::new();
        let _broken = self.0.read_to_end(&mut all);
        text(&all)
    }

    fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            let count = self.0.read(&mut byte).unwrap();
            assert!(count == 1, "the connection ended in the head: {:?}", text(&head));
            head.push(byte[0]);
        }
        text(&head)
    }
}

fn status_of(head: &str) -> u16 {
    head.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status in {head:?}"))
}

/// A node that answers each request as told and closes. `answer` gets the head of the request.
pub(crate) fn node(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut client = Client(stream);
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    match client.0.read(&mut byte) {
                        Ok(1) => head.push(byte[0]),
                        _ => return,
                    }
                }
                let _gone = client.0.write_all(&answer(&text(&head)));
            });
        }
    });
    address
}

/// A whole answer with this body.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A catalog with one virtual server on a free port in front of one node, and `more` behind its keys.
pub(crate) fn catalog(node: SocketAddr, server: &str, more: &str) -> String {
    format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\n{server}\n\n\
         [pools.nodes]\nnodes = [\"{node}\"]\n{more}\n"
    )
}
