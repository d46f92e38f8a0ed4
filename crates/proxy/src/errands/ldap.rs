//! Who a user is, asked of an LDAP directory: find the one entry, then try the password on it.

use super::tls::Trust;
use super::{failed, named};
use engine::catalog::LdapTls;
use engine::errand::{Credentials, ErrandError, Report};
use engine::limits;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, SearchOptions,
    StdStream, ldap_escape,
};
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use tokio::net::TcpStream;

/// The result of a bind with a wrong password (RFC 4511).
const INVALID_CREDENTIALS: u32 = 49;
/// Results that say how a search ended and that there is something.
const SIZE_LIMIT: u32 = 4;
/// More than one is too many already.
const ENTRIES_MAX: i32 = 2;

/// Asks the directory. Its server stands in the catalog by name, so no list of allowed places is looked at.
pub(super) async fn authenticate(
    credentials: &Credentials,
    addresses: &[IpAddr],
    trust: &Trust,
) -> Result<Report, ErrandError> {
    let stream = connect(addresses, credentials.authenticator.server.port).await?;
    let stream = stream.into_std().map_err(failed)?;
    let authenticator = &credentials.authenticator;
    let mut settings = LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream));
    if authenticator.tls != LdapTls::None {
        let machine = trust.machine().await?;
        settings = settings.set_config(machine).set_starttls(authenticator.tls == LdapTls::StartTls);
    }
    let scheme = if authenticator.tls == LdapTls::Ldaps { "ldaps" } else { "ldap" };
    let url = format!("{scheme}://{}", authenticator.server.name);
    let (connection, ldap) = LdapConnAsync::with_settings(settings, &url).await.map_err(told)?;
    let mut connection = pin!(connection.drive());
    let mut asked = pin!(ask(ldap, credentials));
    let mut is_over = false;
    // No task of its own: a question that is given up ends with its connection.
    poll_fn(|context| {
        if !is_over {
            is_over = connection.as_mut().poll(context).is_ready();
        }
        asked.as_mut().poll(context)
    })
    .await
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, ErrandError> {
    let mut failure = failed("the directory has no address");
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = named(address, &error),
        }
    }
    Err(failure)
}

async fn ask(mut ldap: Ldap, credentials: &Credentials) -> Result<Report, ErrandError> {
    let authenticator = &credentials.authenticator;
    if let Some((dn, password)) = &authenticator.bind {
        let bound = ldap.simple_bind(dn, &password.0).await.map_err(told)?;
        bound.success().map_err(|error| failed(format!("the directory does not take us: {error}")))?;
    }
    let Some(entry) = find(&mut ldap, credentials).await? else { return Ok(unknown()) };
    if let Some(password) = &credentials.password {
        let Ok(password) = std::str::from_utf8(password) else { return Ok(unknown()) };
        // A directory takes a name with an empty password for nobody in particular, and says that all is well.
        if password.is_empty() {
            return Ok(unknown());
        }
        let LdapResult { rc, text, .. } = ldap.simple_bind(&entry.dn, password).await.map_err(told)?;
        match rc {
            0 => {}
            INVALID_CREDENTIALS => return Ok(unknown()),
            _ => return Err(failed(format!("the directory does not try the password: {rc} {text}"))),
        }
    }
    let mut bytes = 0;
    let texts = entry
        .attrs
        .into_iter()
        .map(|(name, values)| (name, values.into_iter().map(String::into_bytes).collect::<Vec<_>>()));
    let mut attributes: Vec<(String, Vec<Vec<u8>>)> = texts.chain(entry.bin_attrs).collect();
    attributes.sort();
    for (name, values) in &attributes {
        bytes += name.len() + values.iter().map(Vec::len).sum::<usize>();
    }
    if bytes > limits::ERRAND_ANSWER_BYTES_MAX {
        let most = limits::ERRAND_ANSWER_BYTES_MAX;
        return Err(ErrandError::TooMuch(format!("the user's attributes are longer than {most} bytes")));
    }
    Ok(Report::User { accepted: true, attributes })
}

/// The entry of the user; none if there is none.
async fn find(ldap: &mut Ldap, credentials: &Credentials) -> Result<Option<SearchEntry>, ErrandError> {
    let authenticator = &credentials.authenticator;
    let Ok(user) = std::str::from_utf8(&credentials.user) else { return Ok(None) };
    let filter = authenticator.filter.replace("%u", &ldap_escape(user));
    let wanted: Vec<&str> = match &authenticator.attributes[..] {
        [] => vec!["*"],
        names => names.iter().map(String::as_str).collect(),
    };
    ldap.with_search_options(SearchOptions::new().sizelimit(ENTRIES_MAX));
    let found = ldap.search(&authenticator.base_dn, Scope::Subtree, &filter, wanted).await.map_err(told)?;
    let (mut entries, LdapResult { rc, text, .. }) = (found.0, found.1);
    if rc != 0 && rc != SIZE_LIMIT {
        return Err(failed(format!("the directory does not search: {rc} {text}")));
    }
    entries.retain(|entry| !entry.is_ref() && !entry.is_intermediate());
    match entries.pop() {
        None => Ok(None),
        Some(_) if !entries.is_empty() => Err(failed("more than one entry answers to the user's name")),
        Some(entry) => Ok(Some(SearchEntry::construct(entry))),
    }
}

fn unknown() -> Report {
    Report::User { accepted: false, attributes: Vec::new() }
}

fn told(error: LdapError) -> ErrandError {
    failed(error)
}
