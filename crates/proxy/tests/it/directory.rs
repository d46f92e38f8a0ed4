//! `auth.query` against a real directory: OpenLDAP's server, where this machine has it.

use crate::kit::catalog;
use proxy::{Clock, Options, Proxy, Wakes};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SLAPD: &str = "/usr/sbin/slapd";
const SLAPADD: &str = "/usr/sbin/slapadd";

const PEOPLE: &str = "dn: o=site\nobjectClass: organization\no: site\n\n\
    dn: cn=reader,o=site\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: look\n\n\
    dn: uid=alice,o=site\nobjectClass: inetOrgPerson\nuid: alice\ncn: Alice\nsn: A\nmail: alice@site.example\nmail: a@site.example\n\
    userPassword: secret\n\n\
    dn: uid=bob,o=site\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: B\nuserPassword: hidden\n";

/// A directory that ends with the test.
struct Directory {
    server: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

impl Directory {
    #[expect(clippy::print_stdout, reason = "what is skipped is said aloud")]
    fn start() -> Option<Self> {
        if !Path::new(SLAPD).exists() || !Path::new(SLAPADD).exists() {
            println!("skipped: there is no {SLAPD} on this machine (Debian's package slapd)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        let settings = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\npidfile {at}/pid\nmodulepath /usr/lib/ldap\n\
             moduleload back_mdb\ndatabase mdb\nsuffix o=site\ndirectory {at}\nmaxsize 10485760\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"cn=reader,o=site\" read by anonymous auth by * none\n"
        );
        let (conf, people) = (folder.path().join("conf"), folder.path().join("people"));
        std::fs::write(&conf, settings).unwrap();
        std::fs::write(&people, PEOPLE).unwrap();
        let added = Command::new(SLAPADD).arg("-f").arg(&conf).arg("-l").arg(&people).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = Command::new(SLAPD)
            .arg("-f")
            .arg(&conf)
            .args(["-h", &format!("ldap://{address}"), "-d", "0"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let directory = Self { server, address, _folder: folder };
        let clock = Clock::system();
        let begun = clock.tick();
        while TcpStream::connect(address).is_err() {
            assert!(clock.tick().since(begun) < Duration::from_secs(20), "the directory does not start");
            std::thread::yield_now();
        }
        Some(directory)
    }
}

/// What a rule makes of `auth.query( "staff", USER.. )`.
fn asked(directory: SocketAddr, bind: &str, arguments: &str) -> String {
    let text = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"discard\"\nrequest_rules = [\"go\"]\n\
         [authenticators.staff]\nserver = \"{directory}\"\nbase_dn = \"o=site\"\n{bind}\n"
    );
    let rule = format!(
        "$u = auth.query( \"staff\", {arguments} );
         $said = $u[ \"OK\" ] . \"|\" . $u[ \"Error\" ] . \"|\" . $u[ \"cn\" ];
         if( $u[ \"mail\" ] ) $said .= \"|\" . $u[ \"mail\" ][ 0 ] . \"|\" . $u[ \"mail\" ][ 1 ] . $u[ \"sn\" ];
         http.sendResponse( 200, \"text/plain\", $said, \"\" );"
    );
    let catalog = catalog(&text, &[("go", &rule)]);
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let shared =
        engine::Shared::new(catalog, &engine::SharedOptions::default(), Box::new(wakes.clone()), clock.now());
    let options = Options { workers: NonZeroUsize::MIN, connections_max: 10 };
    let running = Proxy::start(shared, (wakes, clock), options).unwrap();
    let mut client = TcpStream::connect(running.addresses().next().unwrap().1).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    running.stop(Duration::ZERO);
    all.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn a_directory_knows_its_users_and_their_passwords() {
    let Some(directory) = Directory::start() else { return };
    let reader = "bind_dn = \"cn=reader,o=site\"\nbind_password = \"look\"\nattributes = [\"cn\", \"mail\"]";
    let ask = |arguments: &str| asked(directory.address, reader, arguments);
    assert_eq!(ask("\"alice\", \"secret\""), "1||Alice|alice@site.example|a@site.example");
    assert_eq!(ask("\"alice\""), "1||Alice|alice@site.example|a@site.example");
    for wrong in [
        "\"alice\", \"hidden\"",
        "\"alice\", \"\"",
        "\"carol\", \"secret\"",
        "\"*\", \"secret\"",
        "\"alice)(uid=bob\", \"hidden\"",
    ] {
        assert_eq!(ask(wrong), "0||", "{wrong}");
    }
}

#[test]
fn a_directory_that_cannot_be_asked_lets_nobody_in() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = asked(free, "", "\"alice\", \"secret\"");
    assert!(said.starts_with("0|127.0.0.1:"), "{said}");
    let Some(directory) = Directory::start() else { return };
    let stranger = "bind_dn = \"cn=reader,o=site\"\nbind_password = \"wrong\"";
    let said = asked(directory.address, stranger, "\"alice\", \"secret\"");
    assert!(said.starts_with("0|the directory does not take us"), "{said}");
}
