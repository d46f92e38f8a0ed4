//! The published functions that do not exist here: known by name, so that a rule that uses one is told why and what
//! to write instead, rather than that there is no such function.

/// Names, and what stands behind "NAME is not supported by tidegate: ".
type Family = (&'static str, &'static [&'static str]);

/// Each name once.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    FAMILIES.iter().flat_map(|(why, names)| names.iter().map(|name| (*name, *why)))
}

const FAMILIES: &[Family] = &[
    (
        "rules have no XML parser, since a small document can be made to cost any amount of work; take single values \
         out of http.getBody with string.regexmatch, or let the node check the document",
        &[
            "xml.validate",
            "xml.validate.dtd",
            "xml.validate.xsd",
            "xml.xpath.matchNodeCount",
            "xml.xpath.matchNodeSet",
            "xml.xslt.transform",
        ],
    ),
    (
        "no Java runs here; write it as a rule, or ask a service of your own with http.request.get",
        &["java.run"],
    ),
    (
        "SIP is not spoken here; leave it to a SIP proxy (rules over raw bytes, with request.getLine and \
         response.getLine, see SIP over TCP as text)",
        &[
            "sip.addRequestHeader",
            "sip.addResponseHeader",
            "sip.getMethod",
            "sip.getRequest",
            "sip.getRequestBody",
            "sip.getRequestBodyLines",
            "sip.getRequestHeader",
            "sip.getRequestHeaderNames",
            "sip.getRequestHeaders",
            "sip.getRequestURI",
            "sip.getResponse",
            "sip.getResponseBody",
            "sip.getResponseBodyLines",
            "sip.getResponseCode",
            "sip.getResponseHeader",
            "sip.getResponseHeaderNames",
            "sip.getResponseHeaders",
            "sip.getVersion",
            "sip.listRequestHeaderNames",
            "sip.listResponseHeaderNames",
            "sip.redirect",
            "sip.removeRequestHeader",
            "sip.removeResponseHeader",
            "sip.requestHeaderExists",
            "sip.responseHeaderExists",
            "sip.sendResponse",
            "sip.setMethod",
            "sip.setRequestBody",
            "sip.setRequestHeader",
            "sip.setRequestURI",
            "sip.setResponseBody",
            "sip.setResponseCode",
            "sip.setResponseHeader",
        ],
    ),
    (
        "RTSP is not spoken here; rules over raw bytes, with request.getLine and response.getLine, see its control \
         connection as text",
        &[
            "rtsp.addRequestHeader",
            "rtsp.addResponseHeader",
            "rtsp.getMethod",
            "rtsp.getPath",
            "rtsp.getRawURL",
            "rtsp.getRequest",
            "rtsp.getRequestBody",
            "rtsp.getRequestBodyLines",
            "rtsp.getRequestHeader",
            "rtsp.getRequestHeaderNames",
            "rtsp.getRequestHeaders",
            "rtsp.getResponse",
            "rtsp.getResponseBody",
            "rtsp.getResponseBodyLines",
            "rtsp.getResponseCode",
            "rtsp.getResponseHeader",
            "rtsp.getResponseHeaderNames",
            "rtsp.getResponseHeaders",
            "rtsp.getVersion",
            "rtsp.listRequestHeaderNames",
            "rtsp.listResponseHeaderNames",
            "rtsp.redirect",
            "rtsp.removeRequestHeader",
            "rtsp.removeResponseHeader",
            "rtsp.requestHeaderExists",
            "rtsp.responseHeaderExists",
            "rtsp.sendResponse",
            "rtsp.setMethod",
            "rtsp.setPath",
            "rtsp.setRequestBody",
            "rtsp.setRequestHeader",
            "rtsp.setResponseBody",
            "rtsp.setResponseCode",
            "rtsp.setResponseHeader",
        ],
    ),
    (
        "requests are balanced within one place, and no DNS is answered; let a DNS service choose the place, and \
         choose a pool here with geo.getCountryCode and pool.use",
        &[
            "glb.getDomain",
            "glb.getIPs",
            "glb.service.avoidLocation",
            "glb.service.getLocationWeight",
            "glb.service.getName",
            "glb.service.getNearestLocation",
            "glb.service.ignoreLocation",
            "glb.service.isLocationLive",
            "glb.service.listDomains",
            "glb.service.listLocations",
            "glb.service.preferLocation",
            "glb.service.skip",
            "glb.service.useLocation",
        ],
    ),
    (
        "it names a location of global load balancing, which there is none of; use geo.getCountryCode, or \
         geo.getLatitude and geo.getLongitude with geo.getDistanceKM",
        &["geo.getLocation", "geo.getLocationLonLat"],
    ),
    (
        "pages are passed on as the node wrote them, not rewritten for speed; leave the call out, and let \
         http.compress.enable make them smaller",
        &["http.aptimizer.bypass", "http.aptimizer.use"],
    ),
    (
        "no Kerberos tickets are asked for in a client's name; let the node authenticate its clients, or ask an \
         authenticator with auth.query",
        &[
            "http.kerberos.getClientPrincipalName",
            "http.kerberos.getDelegatedTicket",
            "http.kerberos.getPrincipal",
            "http.kerberos.getTargetPrincipalName",
            "http.kerberos.isEnabled",
            "http.kerberos.setClientPrincipalName",
            "http.kerberos.setEnabled",
            "http.kerberos.setPrincipal",
            "http.kerberos.setTargetPrincipalName",
        ],
    ),
    (
        "there is no list of recent connections; use requestlog.include, which decides about the access log",
        &["recentconns.include"],
    ),
    (
        "there is no list of recent connections; use requestlog.exclude, which decides about the access log",
        &["recentconns.exclude"],
    ),
    (
        "there is no list of recent connections; use requestlog.markedForInclusion, which tells of the access log",
        &["recentconns.markedForInclusion"],
    ),
    (
        "rules cannot reach the administration port, so they are not told it; ask pool.activenodes and its kin for \
         the state of pools",
        &["sys.getRestApiPort"],
    ),
    ("there is no mode in which other cryptography is used; write 0 in its place", &["sys.isFIPS"]),
    (
        "rules are not told the interfaces of the machine; use request.getLocalIP for the address a client came to",
        &["sys.getnetworkinterfaces"],
    ),
    (
        "whether a client is asked for a certificate is settled in the handshake, before any rule runs; look at what \
         it showed with ssl.clientCertStatus",
        &["ssl.requestCert", "ssl.requireCert"],
    ),
    (
        "the end of a TLS connection is always announced, as the protocol wants it; leave the call out",
        &[
            "ssl.getClientCloseAlert",
            "ssl.getServerCloseAlert",
            "ssl.setClientCloseAlert",
            "ssl.setServerCloseAlert",
        ],
    ),
    (
        "the name that a node is called by belongs to its pool; make a pool for each name and choose with pool.use",
        &["ssl.setTLSServerName"],
    ),
    (
        "TLS sessions have no name that lasts; keep a cookie with http.setResponseCookie, or connection.data.set \
         within one connection",
        &["ssl.sslSessionID"],
    ),
    (
        "TLS connections are never negotiated anew, so nothing need be asked; write 1 in its place",
        &["ssl.clientSupportsSecureRenegotiation"],
    ),
    (
        "rules are not given the secrets of connections; let the client that you debug write its own key log",
        &["ssl.sslkeylogline"],
    ),
];
