//! `auth.query` over TLS, against OpenLDAP's server, where this machine has it. The process must be told whom to trust, so
//! this is a test of the binary.

use crate::kit::{PATIENCE, Proxy, command, folder, text};
use proxy::Clock;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const SLAPD: &str = "/usr/sbin/slapd";
const SLAPADD: &str = "/usr/sbin/slapadd";

const PEOPLE: &str = "dn: o=site\nobjectClass: organization\no: site\n\n\
    dn: uid=alice,o=site\nobjectClass: inetOrgPerson\nuid: alice\ncn: Alice\nsn: A\nuserPassword: secret\n";

/// Asks each authenticator twice, once with a wrong password.
const RULE: &str = "$said = \"\";
foreach( $name in [ \"tls\", \"start\" ] ) {
   foreach( $password in [ \"secret\", \"wrong\" ] ) {
      $user = auth.query( $name, \"alice\", $password );
      $said .= $name . \" \" . $user[ \"OK\" ] . \" \" . $user[ \"cn\" ] . \" \" . $user[ \"Error\" ] . \"\\n\";
   }
}
http.sendResponse( 200, \"text/plain\", $said, \"\" );";

/// A directory that ends with the test.
struct Directory(Child);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Directory {
    /// With the certificate of the tests, in a folder; in the clear and with TLS on two ports.
    fn start(at: &Path, ports: [u16; 2]) -> Self {
        let here = at.display();
        let settings = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\npidfile {here}/pid\nmodulepath /usr/lib/ldap\n\
             moduleload back_mdb\nTLSCACertificateFile {here}/ca.pem\nTLSCertificateFile {here}/server.pem\n\
             TLSCertificateKeyFile {here}/server.key\ndatabase mdb\nsuffix o=site\ndirectory {here}\n\
             maxsize 10485760\naccess to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n"
        );
        std::fs::write(at.join("conf"), settings).unwrap();
        let conf = at.join("conf");
        let added =
            Command::new(SLAPADD).arg("-f").arg(&conf).arg("-l").arg(at.join("people")).output().unwrap();
        assert!(added.status.success(), "{}", text(&added.stderr));
        let urls = format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", ports[0], ports[1]);
        let mut server = Command::new(SLAPD);
        server.arg("-f").arg(&conf).args(["-h", &urls, "-d", "0"]).stderr(Stdio::null());
        let directory = Self(server.spawn().unwrap());
        let clock = Clock::system();
        let begun = clock.tick();
        while ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            assert!(clock.tick().since(begun) < PATIENCE, "the directory does not start");
            std::thread::yield_now();
        }
        directory
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_directory_behind_tls_is_asked_and_one_that_nobody_vouches_for_is_not() {
    if !Path::new(SLAPD).exists() || !Path::new(SLAPADD).exists() {
        println!("skipped: there is no {SLAPD} on this machine (Debian's package slapd)");
        return;
    }
    let ports = [free_port(), free_port()];
    let catalog = format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"discard\"\nrequest_rules = [\"go\"]\n\
         [authenticators.tls]\nserver = \"localhost:{}\"\ntls = \"ldaps\"\nbase_dn = \"o=site\"\n\
         [authenticators.start]\nserver = \"localhost:{}\"\ntls = \"starttls\"\nbase_dn = \"o=site\"\n",
        ports[1], ports[0]
    );
    let here = folder(&[
        ("tidegate.toml", &catalog),
        ("rules/go.rts", RULE),
        ("ldap/people", PEOPLE),
        ("ldap/ca.pem", include_str!("../../../proxy/tests/it/tls/ca.pem")),
        ("ldap/server.pem", include_str!("../../../proxy/tests/it/tls/server.pem")),
        ("ldap/server.key", include_str!("../../../proxy/tests/it/tls/server.key")),
    ]);
    let _directory = Directory::start(&here.path().join("ldap"), ports);
    let mut trusting = command(here.path(), &["run"]);
    let proxy = Proxy::spawn(trusting.env("SSL_CERT_FILE", here.path().join("ldap/ca.pem")));
    let said = text(&proxy.get("/", &[]).body);
    assert_eq!(said, "tls 1 Alice \ntls 0  \nstart 1 Alice \nstart 0  \n");
    proxy.stop();
    let proxy = Proxy::start(here.path(), &[]);
    let said = text(&proxy.get("/", &[]).body);
    assert_eq!(said.lines().filter(|line| line.contains(" 0  ") && line.len() > 10).count(), 4, "{said}");
    proxy.stop();
}
