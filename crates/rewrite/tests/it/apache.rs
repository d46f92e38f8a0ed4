//! Apache itself, as Debian has it: started here on a free port of the loopback with a tree of its own, and ended here.
//!
//! What its rules let through is answered by a handler of ours (a few lines of Lua) that shows what an origin would be
//! asked for, and with which environment. Rule files are put into the tree one case after the other; Apache reads them
//! anew for each request. Clients of any address are played by mod_remoteip.

use crate::answer::{Answer, decoded, escaped, kept_fields, plain_path};
use crate::corpus::Case;
use crate::request::Request;
use crate::world::{ADMIN, EXECUTABLE, FILES, FOLDERS, LINK, MAPS, ORIGIN_FIELDS, ROOT};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const APACHE: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// Those that are built in, depending on the release, are passed over.
const LOADED: [&str; 24] = [
    "mpm_event",
    "unixd",
    "authz_core",
    "authz_host",
    "authz_user",
    "authn_core",
    "authn_file",
    "auth_basic",
    "access_compat",
    "alias",
    "autoindex",
    "dir",
    "env",
    "filter",
    "headers",
    "include",
    "lua",
    "mime",
    "negotiation",
    "proxy",
    "proxy_http",
    "remoteip",
    "rewrite",
    "setenvif",
];

/// The field that tells Apache who asks; taken away before any rule is evaluated.
const CLIENT_FIELD: &str = "X-Played-Client";

pub(crate) struct Apache {
    child: Child,
    port: u16,
    folder: PathBuf,
    /// Rule files that stand in the tree.
    placed: Vec<PathBuf>,
}

impl Apache {
    /// `None`, said aloud, where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new(APACHE).exists() || !Path::new(MODULES).join("mod_lua.so").exists() {
            println!("SKIPPED: {APACHE} (Debian: apache2) with its modules is not installed");
            return None;
        }
        let other = other_server();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("tidegate-htaccess-{port}"));
        build_tree(&folder);
        fs::write(folder.join("apache.conf"), configuration(&folder, port, other)).unwrap();
        let mut child = Command::new(APACHE)
            .args(["-DFOREGROUND", "-f"])
            .arg(folder.join("apache.conf"))
            // `%{ENV:x}` finds these too
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC")
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
        Some(Self { child, port, folder, placed: Vec::new() })
    }

    /// Puts the files of a case into the tree, in place of those before.
    pub(crate) fn place(&mut self, case: &Case) {
        for path in self.placed.drain(..) {
            fs::remove_file(path).unwrap();
        }
        for (prefix, text) in &case.files {
            let path = self.folder.join("htdocs").join(prefix.trim_start_matches('/')).join(".htaccess");
            fs::write(&path, text).unwrap();
            self.placed.push(path);
        }
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let mut bytes = [&request.line()[..], b"\r\n"].concat();
        for (name, value) in &request.fields {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(format!("{CLIENT_FIELD}: {}\r\nConnection: close\r\n\r\n", request.client).into_bytes());
        stream.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        self.understood(request, &answer)
    }

    fn understood(&self, request: &Request, bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let (head, body) = (&bytes[..end], bytes.get(end + 4..).unwrap_or_default());
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let status = first.split(' ').nth(1).unwrap_or("none").to_owned();
        let fields: Vec<(String, String)> = lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                let name = String::from_utf8_lossy(&line[..colon]).into_owned();
                Some((name, self.neutral(line[colon + 1..].trim_ascii())))
            })
            .collect();
        let echo = fields.iter().find(|(name, _)| name == "X-Echo").map(|(_, text)| self.echo(text));
        let echo = echo.unwrap_or_default();
        let mut details = kept_fields(&fields);
        let outcome = if let Some((_, url)) = fields.iter().find(|(name, _)| name == "X-Other-Server") {
            format!("proxy {url}")
        } else if let Some((_, location)) = fields.iter().find(|(name, _)| name == "Location") {
            format!("{status} {location}")
        } else if echo.is_empty() {
            let own_page = body.starts_with(b"<!DOCTYPE HTML") || body.is_empty();
            if own_page { status } else { format!("{status} says {}", self.neutral(body)) }
        } else {
            let told = echo.iter().filter(|(kind, _)| matches!(*kind, "env" | "type"));
            details.extend(told.map(|(kind, value)| format!("{kind} {value}")));
            let seen = echo.iter().filter(|(kind, _)| *kind == "sees").map(|(_, value)| value.clone());
            details.extend(changed_fields(request, &seen.collect::<Vec<_>>()));
            let shown = asked_for(request, &echo);
            if status == "200" { shown } else { format!("{status} {}", shown.replacen("to ", "shows ", 1)) }
        };
        // On its way out of an error the environment is another one.
        if !(outcome.starts_with("pass") || outcome.starts_with("to ")) {
            details.retain(|detail| !["env ", "type ", "sees "].iter().any(|kind| detail.starts_with(kind)));
        }
        Answer::new(outcome).with(details)
    }

    /// What the handler wrote: words and values, with bars between them.
    fn echo(&self, text: &str) -> Vec<(&'static str, String)> {
        let parts = text.split('|').filter(|part| !part.is_empty());
        let kinds = ["uri", "args", "type", "env", "sees"];
        parts
            .map(|part| {
                let kind = kinds.iter().find(|kind| part.starts_with(**kind)).unwrap();
                let value = decoded(part.get(kind.len() + 1..).unwrap_or_default().as_bytes());
                (*kind, self.neutral(&value))
            })
            // a folder that is asked for without a slash gets this from Apache's core
            .filter(|(_, value)| value != "httpd/unix-directory")
            .collect()
    }

    /// Without what is another one in each run.
    fn neutral(&self, bytes: &[u8]) -> String {
        let root = self.folder.join("htdocs");
        escaped(bytes).replace(root.to_str().unwrap(), ROOT)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // A failed test is already telling; what cannot be cleaned up now stays in the temporary folder.
        let _ = Command::new(APACHE).args(["-k", "stop", "-f"]).arg(self.folder.join("apache.conf")).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Fields of the request that a rule put there, changed or took away; `seen` is what the origin gets.
pub(crate) fn changed_fields(request: &Request, seen: &[String]) -> Vec<String> {
    let mut seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    let mut changed = Vec::new();
    for (name, value) in &request.joined_fields() {
        let sent = format!("{name}: {}", escaped(value));
        match seen.iter().position(|field| *field == sent) {
            Some(at) => {
                seen.remove(at);
            }
            None => changed.push(format!("sees no {sent}")),
        }
    }
    changed.extend(
        seen.iter().filter(|field| **field != "Connection: close").map(|field| format!("sees {field}")),
    );
    changed
}

/// What an origin is asked for, by the handler's own words.
fn asked_for(request: &Request, echo: &[(&str, String)]) -> String {
    let of = |wanted: &str| echo.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| value.as_str());
    let (raw, query) = request.path_and_query();
    let (path, args) = (of("uri").unwrap(), of("args"));
    if path == escaped(&plain_path(raw)) && args == query.map(escaped).as_deref() {
        return "pass".to_owned();
    }
    match args {
        Some(args) => format!("to {path}?{args}"),
        None => format!("to {path}"),
    }
}

/// Stands in for all servers that `[P]` can name; answers with what it was asked for.
fn other_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                head.push(byte[0]);
            }
            let url = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\nX-Other-Server: ";
            let _gone = stream.write_all(&[&start[..], url, b"\r\n\r\n"].concat());
        }
    });
    port
}

fn build_tree(folder: &Path) {
    let root = folder.join("htdocs");
    fs::create_dir_all(&root).unwrap();
    for path in FOLDERS {
        fs::create_dir_all(root.join(&path[1..])).unwrap();
    }
    for (path, text) in FILES {
        fs::write(root.join(&path[1..]), text).unwrap();
    }
    fs::write(root.join(&EXECUTABLE[1..]), "#!/bin/sh\n").unwrap();
    std::os::unix::fs::symlink("index.html", root.join(&LINK[1..])).unwrap();
    for (name, kind, text) in MAPS {
        if !kind.starts_with("int:") {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    fs::write(folder.join("echo.lua"), handler()).unwrap();
    // The server gives up root's rights before it reads.
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(folder).status().unwrap().success());
    assert!(Command::new("chmod").arg("a+x").arg(root.join(&EXECUTABLE[1..])).status().unwrap().success());
}

/// Shows what it was asked for, in a field, so that HEAD shows it too; what other handlers are for it leaves to them.
const HANDLER: &str = "
local function shown(s)
  return (tostring(s):gsub('[^%w%-._~/:,=@!$&()*+?# ]', function(c) return string.format('%%%02X', c:byte()) end))
end
function handle(r)
  if r.handler ~= 'echo' then return apache2.DECLINED end
  local parts = { 'uri ' .. shown(r.uri) }
  if r.args then parts[#parts + 1] = 'args ' .. shown(r.args) end
  if r.content_type then parts[#parts + 1] = 'type ' .. shown(r.content_type) end
  for k, v in pairs(r:subprocess_env_table()) do parts[#parts + 1] = 'env ' .. shown(k) .. '=' .. shown(v) end
  for k, v in pairs(r:headers_in_table()) do parts[#parts + 1] = 'sees ' .. shown(k) .. ': ' .. shown(v) end
  r.headers_out['X-Echo'] = table.concat(parts, '|') .. '|'
";

fn handler() -> String {
    let mut text = HANDLER.to_owned();
    for (name, value) in ORIGIN_FIELDS {
        let _written = writeln!(text, "  r.headers_out['{name}'] = '{value}'");
    }
    text + "  r:puts('echo')\n  return apache2.OK\nend\n"
}

fn configuration(folder: &Path, port: u16, other: u16) -> String {
    let mut text = String::new();
    for name in LOADED {
        let path = format!("{MODULES}/mod_{name}.so");
        if Path::new(&path).exists() {
            let _written = writeln!(text, "LoadModule {name}_module {path}");
        }
    }
    let folder = folder.display();
    for (name, kind, _) in MAPS {
        let kind = if kind.starts_with("int:") { kind.to_owned() } else { format!("{kind}:{folder}/{name}") };
        let _written = writeln!(text, "RewriteMap {name} \"{kind}\"");
    }
    let _written = write!(
        text,
        "ServerName www.site.example:80\nServerAdmin {ADMIN}\nListen 127.0.0.1:{port}\nUser www-data\n\
         Group www-data\nPidFile {folder}/pid\nStartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\n\
         MinSpareThreads 1\nMaxSpareThreads 4\nDefaultRuntimeDir {folder}\nDocumentRoot {folder}/htdocs\n\
         ErrorLog /dev/stderr\nLogLevel notice\nTypesConfig /dev/null\nRemoteIPHeader {CLIENT_FIELD}\n\
         RemoteIPInternalProxy 127.0.0.1\nProxyRemote * http://127.0.0.1:{other}\nLuaScope thread\n\
         LuaMapHandler .* {folder}/echo.lua handle\nDirectorySlash Off\nDirectoryCheckHandler On\n\
         <Directory {folder}/htdocs>\nAllowOverride All\nOptions FollowSymLinks\nSetHandler echo\n</Directory>\n"
    );
    text
}
