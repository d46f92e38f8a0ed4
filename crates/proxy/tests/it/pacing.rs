//! What bandwidth classes do to what is written.

use crate::kit::{GET, PLAIN, Reach, Site, catalog, on_paused_time};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[test]
fn the_head_of_a_response_comes_at_once_and_the_rest_at_the_rate() {
    on_paused_time(async {
        let text = format!(
            "{}[bandwidth_classes.slow]\nmaximum = \"400 kbit/s\"\nburst = \"64 KiB\"\n",
            PLAIN.replace("pool = ", "bandwidth_class = \"slow\"\npool = ")
        );
        let site = Site::new(&text);
        let mut client = site.client();
        client.say(GET).await;
        let mut node = site.node().await;
        node.head().await;
        let all = 165_536;
        node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {all}\r\n\r\n")).await;
        let feeder = async { node.stream.write_all(&vec![b'x'; all]).await.unwrap() };
        let eater = async {
            client.head().await;
            let (started, mut got, mut head_took) = (site.elapsed(), 0, None);
            while got < all {
                got += client.some().await;
                if got >= 64_000 {
                    head_took.get_or_insert(site.elapsed().saturating_sub(started));
                }
            }
            (head_took.unwrap(), site.elapsed().saturating_sub(started))
        };
        let ((), (head_took, took)) = tokio::join!(feeder, eater);
        assert!(head_took < Duration::from_millis(100), "{head_took:?}");
        // 165,536 bytes at 50,000 a second: the head comes early and is paid for
        assert!(took > Duration::from_millis(3_100) && took < Duration::from_millis(3_500), "{took:?}");
    });
}

#[test]
fn a_class_that_a_rule_sets_between_two_pieces_of_a_stream_acts_on_the_next() {
    on_paused_time(async {
        let rule = "$piece = \"\"; while( string.length( $piece ) < 10000 ) $piece = $piece . \"0123456789\";\n http.stream.startResponse( 200, \"\", 30000 );\n\
                    http.stream.writeResponse( $piece ); response.setBandwidthClass( \"slow\" );\n\
                    http.stream.writeResponse( $piece ); response.setBandwidthClass( \"\" );\n\
                    http.stream.finishResponse( $piece );";
        let text = PLAIN.replacen("[pools", "request_rules = \"request\"\n[pools", 1);
        let text = format!("{text}[bandwidth_classes.slow]\nmaximum = \"80 kbit/s\"\n");
        let site = Site::with(catalog(&text, &[("request", rule)]), |_| Reach::Accepts);
        let mut client = site.client();
        client.say(GET).await;
        client.head().await;
        client.exactly(10_000).await;
        assert_eq!(site.elapsed().as_millis(), 0, "nothing paces the first piece");
        client.exactly(10_000).await;
        let slow = site.elapsed();
        assert!(slow > Duration::from_millis(900) && slow < Duration::from_millis(1_100), "{slow:?}");
        client.exactly(10_000).await;
        assert!(site.elapsed().saturating_sub(slow) < Duration::from_millis(50), "nor the last");
    });
}
